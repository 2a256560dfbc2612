SELECT 'schema', format('%I', n.nspname), jsonb_build_object(
  'owner', n.nspowner::regrole,
  'grants', (SELECT array_agg(a::text ORDER BY a::text COLLATE "C")
             FROM unnest(coalesce(n.nspacl, acldefault('n', n.nspowner))) a),
  'comment', obj_description(n.oid, 'pg_namespace'))
FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (n.tableoid, n.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
