SELECT 'default privileges',
  concat_ws(' ', 'of', d.defaclrole::regrole, 'on',
    CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
                         WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE d.defaclobjtype::text END,
    'in schema ' || nullif(d.defaclnamespace, 0)::regnamespace),
  jsonb_build_object(
  'grants', (SELECT array_agg(a::text ORDER BY a::text COLLATE "C") FROM unnest(d.defaclacl) a))
FROM pg_default_acl d
