-- Prices without cents. What they were is kept for the way back.
CREATE TABLE orders_before AS SELECT id, amount FROM orders;
UPDATE orders SET amount = round(amount);
