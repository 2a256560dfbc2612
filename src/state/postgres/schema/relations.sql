-- Tables, partitioned and foreign tables, views, materialised views.
SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
                      WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END,
  format('%I.%I', n.nspname, c.relname), jsonb_build_object(
  'owner', c.relowner::regrole,
  'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
  'access method', (SELECT a.amname FROM pg_am a WHERE a.oid = c.relam AND a.amname <> 'heap'),
  'tablespace', (SELECT s.spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace),
  'options', (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(c.reloptions) o),
  'toast options', (SELECT array_agg(o ORDER BY o COLLATE "C")
                    FROM pg_class t, unnest(t.reloptions) o WHERE t.oid = c.reltoastrelid),
  'replica identity', CASE WHEN c.relkind IN ('r', 'p', 'm') THEN
    CASE c.relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' WHEN 'i' THEN
      (SELECT 'index ' || x.indexrelid::regclass FROM pg_index x
       WHERE x.indrelid = c.oid AND x.indisreplident) END END,
  'row security', CASE WHEN c.relrowsecurity AND c.relforcerowsecurity THEN 'enabled and forced'
                       WHEN c.relrowsecurity THEN 'enabled' WHEN c.relforcerowsecurity THEN 'forced' END,
  'inherits', (SELECT array_agg(i.inhparent::regclass::text ORDER BY i.inhseqno)
               FROM pg_inherits i WHERE i.inhrelid = c.oid),
  'detach pending', (SELECT to_jsonb(i) ->> 'inhdetachpending' FROM pg_inherits i
                     WHERE i.inhrelid = c.oid AND to_jsonb(i) ->> 'inhdetachpending' = 'true'),
  'partition bound', pg_get_expr(c.relpartbound, c.oid),
  'partition key', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
  'column order', CASE WHEN c.relkind IN ('r', 'p') THEN
    (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) END,
  'of type', CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END,
  'query', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
  'populated', CASE WHEN c.relkind = 'm' AND NOT c.relispopulated THEN 'no' END,
  'server', (SELECT s.srvname FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver
             WHERE f.ftrelid = c.oid),
  'server options', (SELECT array_agg(o ORDER BY o COLLATE "C")
                     FROM pg_foreign_table f, unnest(f.ftoptions) o WHERE f.ftrelid = c.oid),
  'grants', (SELECT array_agg(a::text ORDER BY a::text COLLATE "C")
             FROM unnest(coalesce(c.relacl, acldefault('r', c.relowner))) a),
  'comment', obj_description(c.oid, 'pg_class'))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (c.tableoid, c.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
