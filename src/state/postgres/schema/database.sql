SELECT 'database', format('%I', d.datname), jsonb_build_object(
  'owner', d.datdba::regrole,
  'encoding', pg_encoding_to_char(d.encoding),
  'collation', d.datcollate,
  'character type', d.datctype,
  'connection limit', nullif(d.datconnlimit, -1),
  'grants', (SELECT array_agg(a::text ORDER BY a::text COLLATE "C")
             FROM unnest(coalesce(d.datacl, acldefault('d', d.datdba))) a),
  'comment', shobj_description(d.oid, 'pg_database'))
FROM pg_database d
WHERE d.datname = current_database()
