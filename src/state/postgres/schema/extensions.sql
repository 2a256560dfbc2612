SELECT 'extension', format('%I', e.extname), jsonb_build_object(
  'version', e.extversion,
  'schema', e.extnamespace::regnamespace,
  'owner', e.extowner::regrole)
FROM pg_extension e
