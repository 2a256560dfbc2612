CREATE TABLE orders (
    id       bigserial PRIMARY KEY,
    customer text NOT NULL,
    amount   numeric(10, 2) NOT NULL,
    note     text
);

INSERT INTO orders (customer, amount, note)
SELECT 'customer ' || n % 97,
       (n * 7 % 1000) + 0.99,
       CASE n % 3 WHEN 0 THEN 'gift wrap' WHEN 1 THEN 'leave at door' ELSE 'ring twice, order ' || n END
FROM generate_series(1, 1000) AS n;
