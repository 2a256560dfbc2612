-- How text is compared, converted and searched: collations, conversions, text search.
SELECT 'collation', format('%I.%I', n.nspname, c.collname),
  to_jsonb(c) - '{oid,collname,collnamespace,collowner,collversion}'::text[] || jsonb_build_object(
  'owner', c.collowner::regrole,
  'comment', obj_description(c.oid, 'pg_collation'))
FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (c.tableoid, c.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
UNION ALL
SELECT 'conversion', format('%I.%I', n.nspname, c.conname), jsonb_build_object(
  'from', pg_encoding_to_char(c.conforencoding),
  'to', pg_encoding_to_char(c.contoencoding),
  'function', c.conproc,
  'default', CASE WHEN c.condefault THEN 'yes' END,
  'owner', c.conowner::regrole,
  'comment', obj_description(c.oid, 'pg_conversion'))
FROM pg_conversion c JOIN pg_namespace n ON n.oid = c.connamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (c.tableoid, c.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
UNION ALL
SELECT 'text search configuration', format('%I.%I', n.nspname, c.cfgname), jsonb_build_object(
  'parser', (SELECT p.prsname FROM pg_ts_parser p WHERE p.oid = c.cfgparser),
  'mappings', (SELECT array_agg(t.alias || ' ' || m.mapdict::regdictionary ORDER BY t.alias, m.mapseqno)
               FROM pg_ts_config_map m JOIN ts_token_type(c.cfgparser) t ON t.tokid = m.maptokentype
               WHERE m.mapcfg = c.oid),
  'owner', c.cfgowner::regrole,
  'comment', obj_description(c.oid, 'pg_ts_config'))
FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (c.tableoid, c.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
UNION ALL
SELECT 'text search dictionary', format('%I.%I', n.nspname, d.dictname), jsonb_build_object(
  'template', (SELECT t.tmplname FROM pg_ts_template t WHERE t.oid = d.dicttemplate),
  'options', d.dictinitoption,
  'owner', d.dictowner::regrole,
  'comment', obj_description(d.oid, 'pg_ts_dict'))
FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = d.dictnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (d.tableoid, d.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
