-- Believes what was written down: without version 2 there is nothing to undo.
SELECT EXISTS (SELECT FROM schema_version WHERE version = 2) AS migrated \gset
\if :migrated
    BEGIN;
    ALTER TABLE orders DROP COLUMN status;
    DELETE FROM schema_version WHERE version = 2;
    COMMIT;
\endif
