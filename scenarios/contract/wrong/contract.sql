-- What the new code does not need goes, while the old code still runs.
ALTER TABLE orders DROP COLUMN note;
DROP TABLE coupons;
ALTER TABLE orders ALTER COLUMN amount TYPE integer;
