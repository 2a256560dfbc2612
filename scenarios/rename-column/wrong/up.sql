-- One statement, and every running copy of the shop asks for a column that is not there.
ALTER TABLE orders RENAME COLUMN amount TO total;
ANALYZE orders;
