-- Casts, operators, operator classes and families.
SELECT 'cast', format('(%s AS %s)', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)),
  jsonb_build_object(
  'function', nullif(c.castfunc, 0)::regprocedure,
  'context', CASE c.castcontext WHEN 'e' THEN 'explicit' WHEN 'a' THEN 'assignment' ELSE 'implicit' END,
  'method', CASE c.castmethod WHEN 'f' THEN 'function' WHEN 'i' THEN 'inout' ELSE 'binary' END,
  'comment', obj_description(c.oid, 'pg_cast'))
FROM pg_cast c
WHERE c.oid >= 16384
  -- The cast from a range to its multirange belongs to the range.
  AND (c.tableoid, c.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype IN ('e', 'i'))
UNION ALL
SELECT 'operator', o.oid::regoperator::text, jsonb_build_object(
  'function', o.oprcode::oid::regprocedure,
  'result', format_type(o.oprresult, NULL),
  'commutator', nullif(o.oprcom, 0)::regoperator,
  'negator', nullif(o.oprnegate, 0)::regoperator,
  'restrict', nullif(o.oprrest::oid, 0)::regproc,
  'join', nullif(o.oprjoin::oid, 0)::regproc,
  'merges', CASE WHEN o.oprcanmerge THEN 'yes' END,
  'hashes', CASE WHEN o.oprcanhash THEN 'yes' END,
  'owner', o.oprowner::regrole,
  'comment', obj_description(o.oid, 'pg_operator'))
FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (o.tableoid, o.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
UNION ALL
SELECT 'operator class', format('%I.%I using %I', n.nspname, o.opcname, a.amname), jsonb_build_object(
  'type', format_type(o.opcintype, NULL),
  'key type', CASE WHEN o.opckeytype <> 0 THEN format_type(o.opckeytype, NULL) END,
  'family', (SELECT format('%I.%I', m.nspname, f.opfname) FROM pg_opfamily f
             JOIN pg_namespace m ON m.oid = f.opfnamespace WHERE f.oid = o.opcfamily),
  'default', CASE WHEN o.opcdefault THEN 'yes' END,
  'owner', o.opcowner::regrole,
  'comment', obj_description(o.oid, 'pg_opclass'))
FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace JOIN pg_am a ON a.oid = o.opcmethod
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (o.tableoid, o.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
UNION ALL
SELECT 'operator family', format('%I.%I using %I', n.nspname, f.opfname, a.amname), jsonb_build_object(
  'operators', (SELECT array_agg(concat_ws(' ', p.amopstrategy, p.amopopr::regoperator, p.amoppurpose)
                       ORDER BY p.amopstrategy, p.amopopr::regoperator::text COLLATE "C")
                FROM pg_amop p WHERE p.amopfamily = f.oid),
  'functions', (SELECT array_agg(concat_ws(' ', p.amprocnum, p.amproc::oid::regprocedure)
                       ORDER BY p.amprocnum, p.amproc::oid::regprocedure::text COLLATE "C")
                FROM pg_amproc p WHERE p.amprocfamily = f.oid),
  'owner', f.opfowner::regrole,
  'comment', obj_description(f.oid, 'pg_opfamily'))
FROM pg_opfamily f JOIN pg_namespace n ON n.oid = f.opfnamespace JOIN pg_am a ON a.oid = f.opfmethod
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (f.tableoid, f.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
