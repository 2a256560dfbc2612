CREATE TABLE orders (
    id       bigserial PRIMARY KEY,
    customer text NOT NULL,
    amount   numeric(12, 2) NOT NULL,
    note     text
);

INSERT INTO orders (customer, amount, note)
SELECT 'customer ' || n % 97, (n * 7 % 1000) + 0.99, 'order ' || n
FROM generate_series(1, 1000) AS n;

CREATE TABLE coupons (code text PRIMARY KEY, percent integer NOT NULL);

INSERT INTO coupons VALUES ('SPRING', 10), ('WELCOME', 5);
