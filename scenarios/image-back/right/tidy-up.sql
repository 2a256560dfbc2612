-- The release no longer shows small orders, and sets them aside until it has proven itself.
BEGIN;
CREATE TABLE orders_set_aside (LIKE orders);
WITH small AS (DELETE FROM orders WHERE amount < 100 RETURNING *) INSERT INTO orders_set_aside SELECT * FROM small;
COMMIT;
ANALYZE orders;
