-- Whoever writes one of the two columns writes both.
CREATE FUNCTION orders_amount_is_total() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.total := coalesce(NEW.total, NEW.amount);
    NEW.amount := NEW.total;
    RETURN NEW;
END $$;

CREATE TRIGGER orders_amount_is_total BEFORE INSERT ON orders
FOR EACH ROW EXECUTE FUNCTION orders_amount_is_total();
