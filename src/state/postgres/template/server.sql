SELECT pg_catalog.md5(string_agg(line, E'\n' ORDER BY line)) FROM (
  SELECT 'role ' || (rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
    rolconnlimit, rolpassword, rolvaliduntil, rolbypassrls, pg_catalog.shobj_description(oid, 'pg_authid'))::text AS line
  FROM pg_catalog.pg_authid
  UNION ALL
  SELECT 'member ' || (pg_catalog.pg_get_userbyid(roleid), pg_catalog.pg_get_userbyid(member), admin_option)::text
  FROM pg_catalog.pg_auth_members
  UNION ALL
  SELECT 'role setting ' || (pg_catalog.pg_get_userbyid(setrole), setconfig)::text
  FROM pg_catalog.pg_db_role_setting WHERE setdatabase = 0
  UNION ALL
  SELECT 'database ' || datname FROM pg_catalog.pg_database WHERE datname NOT LIKE 'backout\_%'
  UNION ALL
  SELECT 'tablespace ' || (spcname, pg_catalog.pg_get_userbyid(spcowner), spcacl, spcoptions)::text
  FROM pg_catalog.pg_tablespace
  UNION ALL
  SELECT 'slot ' || (slot_name, plugin, slot_type, database)::text FROM pg_catalog.pg_replication_slots WHERE NOT temporary
  UNION ALL
  SELECT 'prepared ' || gid FROM pg_catalog.pg_prepared_xacts
  UNION ALL
  SELECT 'subscription ' || subname FROM pg_catalog.pg_subscription
  UNION ALL
  SELECT 'origin ' || roname FROM pg_catalog.pg_replication_origin
  UNION ALL
  SELECT 'file setting ' || (name, setting, applied)::text FROM pg_catalog.pg_file_settings
) AS server
