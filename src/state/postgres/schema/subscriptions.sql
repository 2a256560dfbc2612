-- Only what every role may read: not the connection string, which holds a password.
SELECT 'subscription', format('%I', s.subname), jsonb_build_object(
  'enabled', CASE WHEN s.subenabled THEN 'yes' END,
  'slot', s.subslotname,
  'publications', (SELECT array_agg(p ORDER BY p COLLATE "C") FROM unnest(s.subpublications) p),
  'owner', s.subowner::regrole)
FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
WHERE d.datname = current_database()
