-- Version 2: whether an order is paid is said by its status.
BEGIN;
ALTER TABLE orders ADD COLUMN status text NOT NULL DEFAULT 'open';
UPDATE orders SET status = 'paid' WHERE paid_at IS NOT NULL;
COMMIT;

-- What has been done is written down last, in a transaction of its own.
INSERT INTO schema_version VALUES (2);
