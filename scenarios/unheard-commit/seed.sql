CREATE TABLE orders (
    id serial PRIMARY KEY,
    customer text NOT NULL,
    paid_at timestamptz
);
INSERT INTO orders (customer, paid_at)
SELECT 'customer ' || n, CASE WHEN n % 3 = 0 THEN timestamptz '2026-01-01' + n * interval '1 hour' END
FROM generate_series(1, 500) AS n;

CREATE TABLE schema_version (version int PRIMARY KEY);
INSERT INTO schema_version VALUES (1);
