CREATE TABLE orders (
    id       bigserial PRIMARY KEY,
    customer text NOT NULL,
    amount   numeric(10, 2) NOT NULL,
    note     text
);

INSERT INTO orders (customer, amount, note)
SELECT 'customer ' || n % 97, (n * 7 % 1000) + 0.99, 'order ' || n
FROM generate_series(1, 1000) AS n;

-- The colour that serves.
CREATE TABLE live (colour text NOT NULL);
INSERT INTO live VALUES ('blue');

-- Work for tonight. Who takes some of it, and who served at that moment.
CREATE TABLE jobs (
    id         integer PRIMARY KEY,
    taken_by   text,
    live_then  text
);
INSERT INTO jobs (id) SELECT generate_series(1, 20);

CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.live_then := CASE WHEN NEW.taken_by IS NULL THEN NULL ELSE (SELECT colour FROM live) END;
    RETURN NEW;
END $$;

CREATE TRIGGER jobs_witness BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION witness();
