CREATE TABLE orders (
    id       bigint PRIMARY KEY,
    customer text NOT NULL,
    amount   numeric(10, 2) NOT NULL,
    state    text NOT NULL
);

INSERT INTO orders (id, customer, amount, state)
SELECT n, 'reader-' || n || '@customers.example', n * 7 + 0.99, 'open'
FROM generate_series(1, 3) AS n;
