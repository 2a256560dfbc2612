-- Undoes whatever there is to undo.
DROP INDEX IF EXISTS customers_email_lower;
ALTER TABLE customers DROP COLUMN IF EXISTS email_lower;
