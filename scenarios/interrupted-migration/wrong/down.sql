-- Undoes the whole migration. From the middle of it, it stops at its first statement.
DROP INDEX customers_email_lower;
ALTER TABLE customers DROP COLUMN email_lower;
