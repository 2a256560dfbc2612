DROP TRIGGER IF EXISTS orders_amount_is_total ON orders;
DROP FUNCTION IF EXISTS orders_amount_is_total;
