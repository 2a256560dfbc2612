SELECT 'policy', p.polrelid::regclass || '.' || quote_ident(p.polname), jsonb_build_object(
  'command', CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update'
                           WHEN 'd' THEN 'delete' ELSE 'all' END,
  'permissive', CASE WHEN NOT p.polpermissive THEN 'no' END,
  'roles', (SELECT array_agg(name ORDER BY name COLLATE "C")
            FROM (SELECT CASE role WHEN 0 THEN 'PUBLIC' ELSE role::regrole::text END AS name
                  FROM unnest(p.polroles) role) named),
  'using', pg_get_expr(p.polqual, p.polrelid),
  'with check', pg_get_expr(p.polwithcheck, p.polrelid),
  'comment', obj_description(p.oid, 'pg_policy'))
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (c.tableoid, c.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
