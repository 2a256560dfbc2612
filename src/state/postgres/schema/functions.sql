-- Functions, procedures and window functions with their bodies; one entry for each overload.
SELECT CASE p.prokind WHEN 'f' THEN 'function' WHEN 'p' THEN 'procedure' ELSE 'window function' END,
  format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), jsonb_build_object(
  'definition', pg_get_functiondef(p.oid),
  'owner', p.proowner::regrole,
  'grants', (SELECT array_agg(a::text ORDER BY a::text COLLATE "C")
             FROM unnest(coalesce(p.proacl, acldefault('f', p.proowner))) a),
  'comment', obj_description(p.oid, 'pg_proc'))
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prokind IN ('f', 'p', 'w') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (p.tableoid, p.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
  -- The constructors of a range type belong to it.
  AND (p.tableoid, p.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'i')
