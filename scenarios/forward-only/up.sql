-- Nobody reads the notes any more, and no copy of them may stay in this database.
ALTER TABLE orders DROP COLUMN note;
CREATE INDEX orders_customer_idx ON orders (customer);
