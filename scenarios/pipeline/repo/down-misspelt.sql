BEGIN;
DROP INDEX orders_status_ix;
ALTER TABLE orders DROP COLUMN status;
COMMIT;
