SELECT 'aggregate',
  format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
  to_jsonb(a) - '{aggfnoid,aggsortop,aggtranstype,aggmtranstype}'::text[] || jsonb_build_object(
  'result', pg_get_function_result(p.oid),
  'sort operator', nullif(a.aggsortop, 0)::regoperator,
  'state type', format_type(a.aggtranstype, NULL),
  'moving state type', CASE WHEN a.aggmtranstype <> 0 THEN format_type(a.aggmtranstype, NULL) END,
  'parallel', p.proparallel,
  'owner', p.proowner::regrole,
  'grants', (SELECT array_agg(g::text ORDER BY g::text COLLATE "C")
             FROM unnest(coalesce(p.proacl, acldefault('f', p.proowner))) g),
  'comment', obj_description(p.oid, 'pg_proc'))
FROM pg_proc p JOIN pg_aggregate a ON a.aggfnoid = p.oid JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (p.tableoid, p.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
