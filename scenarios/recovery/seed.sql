CREATE TABLE orders (
    id       bigserial PRIMARY KEY,
    customer text NOT NULL,
    amount   numeric(10, 2) NOT NULL
);

INSERT INTO orders (customer, amount)
SELECT 'customer ' || n % 97, (n * 7 % 1000) + 0.99 FROM generate_series(1, 1000) AS n;
