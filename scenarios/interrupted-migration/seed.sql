CREATE TABLE customers (
    id    bigserial PRIMARY KEY,
    email text NOT NULL
);

INSERT INTO customers (email)
SELECT 'Customer.' || n || '@Example.com' FROM generate_series(1, 1000) AS n;

CREATE TABLE orders (
    id       bigserial PRIMARY KEY,
    customer text NOT NULL,
    amount   numeric(10, 2) NOT NULL,
    note     text
);

INSERT INTO orders (customer, amount)
SELECT 'customer ' || n, n + 0.5 FROM generate_series(1, 100) AS n;
