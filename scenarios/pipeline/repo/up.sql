BEGIN;
ALTER TABLE orders ADD COLUMN status text;
UPDATE orders SET status = 'shipped' WHERE id <= 900;
CREATE INDEX orders_status_idx ON orders (status);
COMMIT;
