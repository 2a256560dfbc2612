-- Foreign-data wrappers, servers, user mappings. A mapping's options hold passwords: only their names are
-- told, and a hash tells whether they changed.
SELECT 'foreign-data wrapper', format('%I', w.fdwname), jsonb_build_object(
  'handler', nullif(w.fdwhandler, 0)::regprocedure,
  'validator', nullif(w.fdwvalidator, 0)::regprocedure,
  'options', (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(w.fdwoptions) o),
  'owner', w.fdwowner::regrole,
  'grants', (SELECT array_agg(a::text ORDER BY a::text COLLATE "C")
             FROM unnest(coalesce(w.fdwacl, acldefault('F', w.fdwowner))) a),
  'comment', obj_description(w.oid, 'pg_foreign_data_wrapper'))
FROM pg_foreign_data_wrapper w
WHERE (w.tableoid, w.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
UNION ALL
SELECT 'foreign server', format('%I', s.srvname), jsonb_build_object(
  'wrapper', (SELECT w.fdwname FROM pg_foreign_data_wrapper w WHERE w.oid = s.srvfdw),
  'type', s.srvtype,
  'version', s.srvversion,
  'options', (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(s.srvoptions) o),
  'owner', s.srvowner::regrole,
  'grants', (SELECT array_agg(a::text ORDER BY a::text COLLATE "C")
             FROM unnest(coalesce(s.srvacl, acldefault('S', s.srvowner))) a),
  'comment', obj_description(s.oid, 'pg_foreign_server'))
FROM pg_foreign_server s
WHERE (s.tableoid, s.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
UNION ALL
SELECT 'user mapping', format('%I on %I', u.usename, u.srvname), jsonb_build_object(
  'options', (SELECT array_agg(split_part(o, '=', 1) ORDER BY o COLLATE "C") FROM unnest(u.umoptions) o),
  'hash of options', (SELECT sum(hashtextextended(o, 0)) FROM unnest(u.umoptions) o))
FROM pg_user_mappings u
