ALTER TABLE orders ADD COLUMN IF NOT EXISTS note text;
ALTER TABLE orders ALTER COLUMN amount TYPE numeric(12, 2);
CREATE TABLE IF NOT EXISTS coupons (code text PRIMARY KEY, percent integer NOT NULL);
