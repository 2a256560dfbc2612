SELECT 'statistics object', format('%I.%I', n.nspname, s.stxname), jsonb_build_object(
  'definition', pg_get_statisticsobjdef(s.oid),
  'target', nullif(s.stxstattarget, -1),
  'owner', s.stxowner::regrole,
  'comment', obj_description(s.oid, 'pg_statistic_ext'))
FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
