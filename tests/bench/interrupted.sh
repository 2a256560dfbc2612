#!/usr/bin/env bash
# One interrupted run of scenarios/drop-column/right, typed by hand with docker and psql: the same stage,
# the same change stopped before its third statement, the same rollback, the same comparisons.
# Usage: interrupted.sh DB_IMAGE API_IMAGE; run in the repository. Prints nothing when all is as before.
set -euo pipefail
db_image=$1 api_image=$2 name=backout-bench-$$
work=$(mktemp -d)
label="--label backout.test=1"
trap 'docker rm -fv $name-api $name-db >/dev/null 2>&1; docker network rm $name >/dev/null 2>&1; rm -rf "$work"' EXIT

query() { docker exec -i -e PGPASSWORD=staging-only $name-db psql -qXAt -v ON_ERROR_STOP=1 -h 127.0.0.1 -U postgres shop "$@"; }

capture() { # everything that is compared, into $work/$1
  docker inspect --format '{{.Image}} {{.Config.Cmd}} {{.Config.Env}} {{.HostConfig.Binds}}' $name-db $name-api > "$work/$1.system"
  docker exec -e PGPASSWORD=staging-only $name-db pg_dump -s -h 127.0.0.1 -U postgres shop | grep -v '^\\' > "$work/$1.schema"
  query -c "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1" > "$work/$1.tables"
  while read -r table; do
    columns=$(query -c "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname) FROM pg_attribute WHERE attrelid = '$table'::regclass AND attnum > 0 AND NOT attisdropped" < /dev/null)
    query -c "SELECT '$table', count(*), sum(hash_record_extended(ROW($columns), 0)) FROM $table" < /dev/null
    query -c "COPY (SELECT * FROM $table ORDER BY 1) TO STDOUT" < /dev/null > "$work/$1.$table"
  done < "$work/$1.tables" > "$work/$1.data"
  query -c "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1" > "$work/$1.sequences"
  query -c "SELECT usename, application_name FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()" > "$work/$1.sessions"
  query -c "SELECT rolname FROM pg_roles ORDER BY 1; SELECT gid FROM pg_prepared_xacts ORDER BY 1" > "$work/$1.leftovers"
}

docker network create $label $name >/dev/null
docker run -d $label --name $name-db --network $name --network-alias db -e POSTGRES_PASSWORD=staging-only -e POSTGRES_DB=shop \
  --health-cmd 'pg_isready -q -h 127.0.0.1 -U postgres -d shop' --health-interval 300ms -p 127.0.0.1::5432 "$db_image" >/dev/null
until [ "$(docker inspect --format '{{.State.Health.Status}}' $name-db)" = healthy ]; do :; done
docker run -d $label --name $name-api --network $name --network-alias api -e PGHOST=db -e PGUSER=postgres -e PGDATABASE=shop \
  -e PGPASSWORD=staging-only -p 127.0.0.1::8080 "$api_image" >/dev/null
query < scenarios/drop-column/seed.sql
capture before
head -n 4 scenarios/drop-column/up.sql | query      # the first two statements, and the session ends
capture failed
{ echo 'BEGIN;'; cat scenarios/drop-column/right/down.sql; echo 'COMMIT;'; } | query
capture after
address=$(docker port $name-api 8080/tcp | head -n 1)
until curl -fsS -o "$work/health" "http://$address/healthz" 2>/dev/null; do :; done
for part in system data sequences sessions leftovers; do diff "$work/before.$part" "$work/after.$part"; done
