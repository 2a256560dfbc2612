-- `total` is there since the release before; nobody uses it yet.
CREATE TABLE orders (
    id       bigserial PRIMARY KEY,
    customer text NOT NULL,
    amount   numeric(10, 2),
    total    numeric(10, 2),
    note     text
);

INSERT INTO orders (customer, amount, total, note)
SELECT 'customer ' || n % 97, (n * 7 % 1000) + 0.99, (n * 7 % 1000) + 0.99, 'order ' || n
FROM generate_series(1, 1000) AS n;
