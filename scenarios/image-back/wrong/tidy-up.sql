-- The release no longer shows small orders, and does away with them.
DELETE FROM orders WHERE amount < 100;
ANALYZE orders;
