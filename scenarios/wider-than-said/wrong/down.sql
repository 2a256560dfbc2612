-- Brings the prices back, from wherever the change had come to.
CREATE TABLE IF NOT EXISTS orders_before (id bigint, amount numeric(10, 2));
UPDATE orders SET amount = was.amount FROM orders_before AS was
WHERE orders.id = was.id AND orders.amount <> was.amount;
DROP TABLE orders_before;
