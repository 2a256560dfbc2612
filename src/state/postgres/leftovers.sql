-- What operations can leave behind: kind, name, definition (compared), what was seen (shown only).
-- $1: application names, $2: process numbers and $3: databases that are ours.
WITH clients AS (
  -- Without the right to read statistics, the kind of another role's process is hidden.
  SELECT a.pid, a.state, a.xact_start, a.state_change,
    concat_ws(' ', coalesce(nullif(a.application_name, ''), 'unnamed client'), 'as', a.usename,
              'in database ' || nullif(a.datname, current_database())) AS client
  FROM pg_stat_activity a
  WHERE (a.backend_type = 'client backend' OR a.backend_type IS NULL AND a.usename IS NOT NULL)
    AND a.pid <> pg_backend_pid() AND a.pid <> ALL ($2) AND a.application_name <> ALL ($1)
)
SELECT 'session', client, '', concat_ws(' ', 'process', pid, state, 'since', state_change) FROM clients
UNION ALL
SELECT 'open transaction', client, '', concat_ws(' ', 'process', pid, state, 'since', xact_start)
FROM clients WHERE xact_start IS NOT NULL
UNION ALL
SELECT 'lock', concat_ws(' ', l.mode, 'on', l.relation::regclass, 'of', coalesce(c.client, 'a prepared transaction')),
  '', 'process ' || l.pid
FROM pg_locks l
  JOIN pg_class r ON r.oid = l.relation
  JOIN pg_namespace n ON n.oid = r.relnamespace
  LEFT JOIN clients c ON c.pid = l.pid
WHERE l.granted AND l.locktype = 'relation' AND r.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (l.pid IS NULL OR c.pid IS NOT NULL)
UNION ALL
SELECT 'lock', format('advisory %s of %s', CASE l.objsubid WHEN 1 THEN (l.classid::int8 << 32 | l.objid::int8)::text
                                         ELSE l.classid || ', ' || l.objid END,
                      coalesce(c.client, 'a prepared transaction')), l.mode, 'process ' || l.pid
FROM pg_locks l LEFT JOIN clients c ON c.pid = l.pid
WHERE l.granted AND l.locktype = 'advisory'
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND (l.pid IS NULL OR c.pid IS NOT NULL)
UNION ALL
SELECT 'prepared transaction', quote_literal(x.gid), concat_ws(' ', 'of', x.owner, 'in database', x.database),
  'since ' || x.prepared
FROM pg_prepared_xacts x
UNION ALL
SELECT 'temporary object', quote_ident(c.relname),
  CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END, NULL
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence = 't' AND c.relkind IN ('r', 'p', 'S', 'v', 'm') AND n.nspname ~ '^pg_temp_'
UNION ALL
SELECT 'role', quote_ident(r.rolname), concat_ws(', ',
    CASE WHEN r.rolsuper THEN 'superuser' END, CASE WHEN r.rolcanlogin THEN 'login' END,
    CASE WHEN NOT r.rolinherit THEN 'no inherit' END, CASE WHEN r.rolcreaterole THEN 'create role' END,
    CASE WHEN r.rolcreatedb THEN 'create database' END, CASE WHEN r.rolreplication THEN 'replication' END,
    CASE WHEN r.rolbypassrls THEN 'bypass row security' END,
    'connections ' || nullif(r.rolconnlimit, -1), 'until ' || r.rolvaliduntil,
    'member of ' || (SELECT string_agg(m.roleid::regrole || CASE WHEN m.admin_option THEN ' with admin' ELSE '' END,
                            ' and ' ORDER BY m.roleid::regrole::text COLLATE "C", m.admin_option)
                     FROM pg_auth_members m WHERE m.member = r.oid)), NULL
FROM pg_roles r WHERE r.rolname !~ '^pg_'
UNION ALL
SELECT 'database', quote_ident(d.datname), concat_ws(' ', 'of', d.datdba::regrole,
    CASE WHEN NOT d.datallowconn THEN 'closed' END), NULL
FROM pg_database d WHERE d.datname <> ALL ($3)
UNION ALL
SELECT 'tablespace', quote_ident(s.spcname), concat_ws(' ', 'of', s.spcowner::regrole,
    'with ' || array_to_string(s.spcoptions, ', ')), NULL
FROM pg_tablespace s WHERE s.spcname !~ '^pg_'
UNION ALL
SELECT 'replication slot', quote_ident(s.slot_name), concat_ws(' ', s.slot_type, s.plugin, s.database),
  CASE WHEN s.active THEN 'active' END
FROM pg_replication_slots s WHERE NOT s.temporary
UNION ALL
SELECT 'setting', concat_ws(' ', split_part(o, '=', 1), 'of role ' || nullif(s.setrole, 0)::regrole,
    'of database ' || (SELECT quote_ident(d.datname) FROM pg_database d WHERE d.oid = s.setdatabase)),
  substr(o, strpos(o, '=') + 1), NULL
FROM pg_db_role_setting s, unnest(s.setconfig) o
