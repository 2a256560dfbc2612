-- Keys, checks, exclusions, of tables and of domains. NOT NULL is an attribute of its column.
SELECT 'constraint',
  coalesce(nullif(x.conrelid, 0)::regclass::text, format_type(x.contypid, NULL)) || '.' || quote_ident(x.conname),
  jsonb_build_object(
  'definition', pg_get_constraintdef(x.oid),
  'valid', CASE WHEN NOT x.convalidated THEN 'no' END,
  'enforced', CASE WHEN to_jsonb(x) ->> 'conenforced' = 'false' THEN 'no' END,
  'triggers', (SELECT CASE WHEN bool_or(g.tgenabled = 'D') THEN 'disabled' ELSE 'replica' END FROM pg_trigger g
               WHERE g.tgconstraint = x.oid AND g.tgisinternal AND g.tgenabled <> 'O'
               HAVING count(*) > 0),
  'comment', obj_description(x.oid, 'pg_constraint'))
FROM pg_constraint x
  JOIN pg_namespace n ON n.oid = x.connamespace
  LEFT JOIN pg_class c ON c.oid = x.conrelid
  LEFT JOIN pg_type t ON t.oid = x.contypid
WHERE x.contype IN ('c', 'f', 'p', 'u', 'x') AND coalesce(c.relpersistence, 'p') <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e'
                  AND (d.classid, d.objid) IN ((c.tableoid, c.oid), (t.tableoid, t.oid)))
