-- Three statements, each committed by itself: a migration that can stop between any two of them.
ALTER TABLE customers ADD COLUMN email_lower text;
UPDATE customers SET email_lower = lower(email);
CREATE UNIQUE INDEX customers_email_lower ON customers (email_lower);
