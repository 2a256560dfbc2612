-- Looks at what is there, and undoes both halves in one transaction, whichever of them were done.
BEGIN;
ALTER TABLE orders DROP COLUMN IF EXISTS status;
DELETE FROM schema_version WHERE version = 2;
COMMIT;
