CREATE TABLE IF NOT EXISTS orders_set_aside (LIKE orders);
INSERT INTO orders SELECT * FROM orders_set_aside;
DROP TABLE orders_set_aside;
