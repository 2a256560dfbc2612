-- One row for each column of each table that holds rows of its own: partitions one by one, inheritance
-- parents without their children, materialised views when populated. Tables of extensions hold data too.
WITH RECURSIVE base (oid, base) AS (
  SELECT t.oid, t.oid FROM pg_type t WHERE t.typtype <> 'd'
  UNION ALL
  SELECT t.oid, b.base FROM pg_type t JOIN base b ON t.typbasetype = b.oid WHERE t.typtype = 'd'
),
keys AS (
  -- The primary key, else a unique index that tells all rows apart.
  SELECT DISTINCT ON (x.indrelid) x.indrelid, x.indkey, x.indnkeyatts
  FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
  WHERE x.indisunique AND x.indisvalid AND x.indimmediate AND x.indpred IS NULL AND x.indexprs IS NULL
    AND NOT EXISTS (SELECT FROM unnest(x.indkey) k JOIN pg_attribute a ON a.attrelid = x.indrelid
                    AND a.attnum = k WHERE NOT a.attnotnull)
  ORDER BY x.indrelid, x.indisprimary DESC, i.relname COLLATE "C"
)
SELECT format('%I.%I', n.nspname, c.relname), c.relpersistence = 'u',
  coalesce(pg_table_size(c.oid), 0),
  (SELECT array_agg(ka.attname::text ORDER BY o.at)
   FROM keys k, unnest(k.indkey) WITH ORDINALITY o (attnum, at), pg_attribute ka
   WHERE k.indrelid = c.oid AND o.at <= k.indnkeyatts AND ka.attrelid = c.oid AND ka.attnum = o.attnum),
  a.attname::text, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
  -- Under a collation for which different texts can be equal, their hashes are equal too.
  CASE WHEN NOT EXISTS (SELECT FROM pg_collation l WHERE NOT l.collisdeterministic
                        AND l.oid IN (a.attcollation, d.typcollation)) THEN t.typname::text END
FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_type d ON d.oid = a.atttypid
  LEFT JOIN base b ON b.oid = a.atttypid
  LEFT JOIN pg_type t ON t.oid = b.base AND t.typnamespace = 'pg_catalog'::regnamespace
WHERE (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated) AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C", a.attname COLLATE "C"
