-- Expand: the new name beside the old one, and each follows the other, whoever writes. The old column goes in
-- a later release, once nothing asks for it any more.
ALTER TABLE orders ADD COLUMN total numeric(10, 2);

CREATE FUNCTION orders_amount_is_total() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.total := coalesce(NEW.total, NEW.amount);
        NEW.amount := NEW.total;
    ELSIF NEW.total IS DISTINCT FROM OLD.total THEN
        NEW.amount := NEW.total;
    ELSE
        NEW.total := NEW.amount;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER orders_amount_is_total BEFORE INSERT OR UPDATE ON orders
FOR EACH ROW EXECUTE FUNCTION orders_amount_is_total();

-- Fills the new column by way of the trigger.
UPDATE orders SET total = amount WHERE total IS NULL;
