-- The old column was right all the time.
DROP TRIGGER IF EXISTS orders_amount_is_total ON orders;
DROP FUNCTION IF EXISTS orders_amount_is_total;
ALTER TABLE orders DROP COLUMN IF EXISTS total;
