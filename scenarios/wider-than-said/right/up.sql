-- Prices without cents, beside those that were there.
ALTER TABLE orders ADD COLUMN rounded numeric(10, 2);
UPDATE orders SET rounded = round(amount);
