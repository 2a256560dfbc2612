-- Without the connection string: it holds a password, and only superusers may read it.
SELECT 'subscription', format('%I', s.subname), jsonb_build_object(
  'enabled', CASE WHEN s.subenabled THEN 'yes' END,
  'slot', s.subslotname,
  'synchronous commit', s.subsynccommit,
  'publications', (SELECT array_agg(p ORDER BY p COLLATE "C") FROM unnest(s.subpublications) p),
  'owner', s.subowner::regrole,
  'comment', obj_description(s.oid, 'pg_subscription'))
FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
WHERE d.datname = current_database()
