-- What defines a sequence. Where it stands is not schema.
SELECT 'sequence', format('%I.%I', n.nspname, c.relname), jsonb_build_object(
  'type', format_type(s.seqtypid, NULL),
  'start', s.seqstart,
  'increment', s.seqincrement,
  'minimum', s.seqmin,
  'maximum', s.seqmax,
  'cache', s.seqcache,
  'cycle', CASE WHEN s.seqcycle THEN 'yes' END,
  'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
  'owner', c.relowner::regrole,
  'owned by', (SELECT d.refobjid::regclass || '.' || quote_ident(a.attname)
               FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
               WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                 AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')),
  'grants', (SELECT array_agg(a::text ORDER BY a::text COLLATE "C")
             FROM unnest(coalesce(c.relacl, acldefault('s', c.relowner))) a),
  'comment', obj_description(c.oid, 'pg_class'))
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (c.tableoid, c.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
