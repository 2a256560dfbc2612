WITH this AS (
  SELECT d.*, quote_ident(d.datname) AS name FROM pg_catalog.pg_database d WHERE d.datname = :database
), granted AS (
  SELECT this.name, a.* FROM this, LATERAL pg_catalog.aclexplode(
    coalesce(this.datacl, pg_catalog.acldefault('d', this.datdba))) a
)
SELECT statement FROM (
  SELECT 1 AS part, format('ALTER DATABASE %s OWNER TO %I', name, pg_catalog.pg_get_userbyid(datdba)) AS statement FROM this
  UNION ALL
  SELECT 2, format('ALTER DATABASE %s WITH ALLOW_CONNECTIONS %s CONNECTION LIMIT %s IS_TEMPLATE %s',
    name, datallowconn::text, datconnlimit, datistemplate::text) FROM this
  UNION ALL
  SELECT 3, format('REVOKE ALL ON DATABASE %s FROM PUBLIC, %I', name, pg_catalog.pg_get_userbyid(datdba)) FROM this
  UNION ALL
  SELECT 4, format('GRANT %s ON DATABASE %s TO %s%s', string_agg(privilege_type, ', ' ORDER BY privilege_type), name,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(grantee)) END,
    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM granted GROUP BY name, grantee, is_grantable
  UNION ALL
  SELECT 5, format('ALTER %s SET %s TO %s',
    CASE s.setrole WHEN 0 THEN 'DATABASE ' || this.name
      ELSE format('ROLE %I IN DATABASE %s', pg_catalog.pg_get_userbyid(s.setrole), this.name) END,
    split_part(one, '=', 1),
    CASE WHEN split_part(one, '=', 1) IN ('search_path', 'temp_tablespaces', 'session_preload_libraries',
        'local_preload_libraries', 'shared_preload_libraries', 'DateStyle')
      THEN substr(one, strpos(one, '=') + 1)
      ELSE quote_literal(substr(one, strpos(one, '=') + 1)) END)
  FROM this JOIN pg_catalog.pg_db_role_setting s ON s.setdatabase = this.oid, unnest(s.setconfig) AS one
  UNION ALL
  SELECT 6, format('COMMENT ON DATABASE %s IS %L', name, pg_catalog.shobj_description(oid, 'pg_database')) FROM this
  WHERE pg_catalog.shobj_description(oid, 'pg_database') IS NOT NULL
) AS all_of_it ORDER BY part, statement
