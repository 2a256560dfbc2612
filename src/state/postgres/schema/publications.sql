-- The last column list and row filter came with version 15, and with it publications of whole schemas.
SELECT 'publication', format('%I', p.pubname),
  to_jsonb(p) - '{oid,pubname,pubowner}'::text[] || jsonb_build_object(
  'owner', p.pubowner::regrole,
  'tables', (SELECT array_agg(concat_ws(' ', r.prrelid::regclass,
               '(' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C")
                       FROM unnest(r.prattrs) k JOIN pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = k) || ')',
               'where ' || pg_get_expr(r.prqual, r.prrelid)) ORDER BY r.prrelid::regclass::text COLLATE "C")
             FROM pg_publication_rel r WHERE r.prpubid = p.oid),
  'schemas', (SELECT array_agg(s.pnnspid::regnamespace::text ORDER BY s.pnnspid::regnamespace::text COLLATE "C")
              FROM pg_publication_namespace s WHERE s.pnpubid = p.oid),
  'comment', obj_description(p.oid, 'pg_publication'))
FROM pg_publication p
WHERE (p.tableoid, p.oid) NOT IN (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
