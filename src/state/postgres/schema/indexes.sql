SELECT 'index', format('%I.%I', n.nspname, c.relname), jsonb_build_object(
  'definition', pg_get_indexdef(c.oid),
  'valid', CASE WHEN NOT x.indisvalid THEN 'no' END,
  'ready', CASE WHEN NOT x.indisready THEN 'no' END,
  'clustered', CASE WHEN x.indisclustered THEN 'yes' END,
  'tablespace', (SELECT s.spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace),
  'part of', (SELECT i.inhparent::regclass FROM pg_inherits i WHERE i.inhrelid = c.oid),
  'statistics targets', (SELECT array_agg(a.attname || ' ' || a.attstattarget ORDER BY a.attname COLLATE "C")
                         FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attstattarget >= 0),
  'comment', obj_description(c.oid, 'pg_class'))
FROM pg_index x
  JOIN pg_class c ON c.oid = x.indexrelid
  JOIN pg_class t ON t.oid = x.indrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (t.tableoid, t.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
