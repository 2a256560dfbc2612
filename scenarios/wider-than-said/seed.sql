CREATE TABLE customers (name text PRIMARY KEY, spent numeric(12, 2) NOT NULL DEFAULT 0);
INSERT INTO customers (name) SELECT 'customer ' || n FROM generate_series(1, 50) AS n;

CREATE TABLE orders (
    id       bigserial PRIMARY KEY,
    customer text NOT NULL REFERENCES customers,
    amount   numeric(10, 2) NOT NULL
);

-- What marketing once asked for, and nobody thinks of any more.
CREATE FUNCTION count_spent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE customers SET spent = spent + NEW.amount - coalesce(OLD.amount, 0) WHERE name = NEW.customer;
    RETURN NEW;
END $$;
CREATE TRIGGER count_spent AFTER INSERT OR UPDATE OF amount ON orders
    FOR EACH ROW EXECUTE FUNCTION count_spent();

INSERT INTO orders (customer, amount)
SELECT 'customer ' || 1 + n % 50, (n * 7 % 1000) + 0.99 FROM generate_series(1, 500) AS n;
