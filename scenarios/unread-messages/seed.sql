CREATE TABLE orders (id text PRIMARY KEY, amount numeric NOT NULL);
CREATE TABLE shipments (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id text NOT NULL, amount numeric NOT NULL);
CREATE TABLE processed (message text PRIMARY KEY);
INSERT INTO orders SELECT 'seed-' || n, 10 + n FROM generate_series(1, 50) n;
INSERT INTO shipments (order_id, amount) SELECT id, amount FROM orders ORDER BY amount;
INSERT INTO processed SELECT id FROM orders;
