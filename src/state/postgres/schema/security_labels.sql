SELECT 'security label', concat_ws(' ', l.provider, 'on', l.objtype, l.objname),
  jsonb_build_object('label', l.label)
FROM pg_seclabels l
