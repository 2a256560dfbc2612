-- Languages, access methods and event triggers: objects of the database that live in no schema. What the
-- server was born with has an identifier below 16384.
SELECT 'language', format('%I', l.lanname), jsonb_build_object(
  'trusted', CASE WHEN l.lanpltrusted THEN 'yes' END,
  'handler', nullif(l.lanplcallfoid, 0)::regprocedure,
  'owner', l.lanowner::regrole,
  'grants', (SELECT array_agg(a::text ORDER BY a::text COLLATE "C")
             FROM unnest(coalesce(l.lanacl, acldefault('l', l.lanowner))) a),
  'comment', obj_description(l.oid, 'pg_language'))
FROM pg_language l
WHERE l.oid >= 16384
  AND (l.tableoid, l.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
UNION ALL
SELECT 'access method', format('%I', a.amname), jsonb_build_object(
  'type', a.amtype,
  'handler', a.amhandler,
  'comment', obj_description(a.oid, 'pg_am'))
FROM pg_am a
WHERE a.oid >= 16384
  AND (a.tableoid, a.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
UNION ALL
SELECT 'event trigger', format('%I', e.evtname), jsonb_build_object(
  'event', e.evtevent,
  'tags', (SELECT array_agg(t ORDER BY t COLLATE "C") FROM unnest(e.evttags) t),
  'function', e.evtfoid::regprocedure,
  'enabled', CASE e.evtenabled WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END,
  'owner', e.evtowner::regrole,
  'comment', obj_description(e.oid, 'pg_event_trigger'))
FROM pg_event_trigger e
WHERE (e.tableoid, e.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
