-- Enums with labels in order, domains, composite types with attributes in order (order is part of their
-- values), ranges, base types. Array and multirange types follow from these.
SELECT CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite type'
                      WHEN 'r' THEN 'range type' ELSE 'base type' END,
  format('%I.%I', n.nspname, t.typname), jsonb_build_object(
  'labels', (SELECT array_agg(quote_literal(e.enumlabel) ORDER BY e.enumsortorder)
             FROM pg_enum e WHERE e.enumtypid = t.oid),
  'type', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
  'null', CASE WHEN t.typnotnull THEN 'not allowed' END,
  'default', coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault),
  'collation', CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation
                    THEN t.typcollation::regcollation::text END,
  'attributes', (SELECT array_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
                                  'collate ' || nullif(a.attcollation, y.typcollation)::regcollation)
                                  ORDER BY a.attnum)
                 FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
                 WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped),
  'subtype', (SELECT concat_ws(', ', format_type(r.rngsubtype, NULL),
                'operator class ' || (SELECT o.opcname FROM pg_opclass o WHERE o.oid = r.rngsubopc),
                'collation ' || nullif(r.rngcollation, 0)::regcollation,
                'canonical ' || nullif(r.rngcanonical::oid, 0)::regprocedure,
                'difference ' || nullif(r.rngsubdiff::oid, 0)::regprocedure)
              FROM pg_range r WHERE r.rngtypid = t.oid),
  'functions', CASE WHEN t.typtype = 'b' THEN
    concat_ws(', ', t.typinput, t.typoutput, t.typreceive, t.typsend, t.typlen, t.typalign, t.typstorage,
              t.typcategory) END,
  'owner', t.typowner::regrole,
  'grants', (SELECT array_agg(a::text ORDER BY a::text COLLATE "C")
             FROM unnest(coalesce(t.typacl, acldefault('T', t.typowner))) a),
  'comment', obj_description(t.oid, 'pg_type'))
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN pg_class c ON c.oid = t.typrelid
  LEFT JOIN pg_type b ON b.oid = t.typbasetype
WHERE t.typtype IN ('e', 'd', 'c', 'r', 'b') AND t.typisdefined
  AND (t.typrelid = 0 OR c.relkind = 'c')
  AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (t.tableoid, t.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
