CREATE TABLE orders (
    id       bigint PRIMARY KEY,
    amount   numeric(10, 2) NOT NULL,
    state    text NOT NULL
);

INSERT INTO orders (id, amount, state)
SELECT n, (n * 7 % 1000) + 0.99, CASE WHEN n % 10 = 0 THEN 'cancelled' ELSE 'open' END
FROM generate_series(1, 1000) AS n;
