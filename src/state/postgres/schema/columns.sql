-- By name: a column that was dropped and added again is the same column, wherever it stands.
SELECT 'column', format('%I.%I.%I', n.nspname, c.relname, a.attname), jsonb_build_object(
  'type', format_type(a.atttypid, a.atttypmod),
  'null', CASE WHEN a.attnotnull THEN 'not allowed' END,
  'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
  'generated', CASE WHEN a.attgenerated <> '' THEN
    pg_get_expr(d.adbin, d.adrelid) || CASE a.attgenerated WHEN 's' THEN ' stored' ELSE ' virtual' END END,
  'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END,
  'collation', CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END,
  'storage', CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text END,
  'compression', nullif(to_jsonb(a) ->> 'attcompression', ''),
  'statistics target', nullif(a.attstattarget, -1),
  -- Recent servers count a column's versions in an option of their own, which nobody sets.
  'options', (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(a.attoptions) o WHERE o !~ '^pg_'),
  'server options', (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(a.attfdwoptions) o),
  'grants', (SELECT array_agg(g::text ORDER BY g::text COLLATE "C") FROM unnest(a.attacl) g),
  'comment', col_description(c.oid, a.attnum))
FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (c.tableoid, c.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
