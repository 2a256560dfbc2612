SELECT 'publication', format('%I', p.pubname),
  to_jsonb(p) - '{oid,pubname,pubowner}'::text[] || jsonb_build_object(
  'owner', p.pubowner::regrole,
  'tables', (SELECT array_agg(r.prrelid::regclass::text ORDER BY r.prrelid::regclass::text COLLATE "C")
             FROM pg_publication_rel r WHERE r.prpubid = p.oid),
  'comment', obj_description(p.oid, 'pg_publication'))
FROM pg_publication p
WHERE (p.tableoid, p.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
