#!/bin/sh
# Creates the databases of Temporal and Clarion and brings Temporal's schema up to date. Safe to run at every start:
# what exists stays, and an update begins at the version that is there.
set -eu

sql() {
  database=$1
  shift
  temporal-sql-tool --plugin postgres12 --ep "$SQL_HOST" -p "$SQL_PORT" -u "$SQL_USER" --db "$database" "$@"
}

sql clarion create # its tables are made by `clarion setup`

for kind in temporal visibility; do
  case $kind in
    temporal) database=temporal ;;
    visibility) database=temporal_visibility ;;
  esac
  sql "$database" create
  sql "$database" setup-schema -v 0.0
  sql "$database" update-schema -d "/etc/temporal/schema/postgresql/v12/$kind/versioned"
done
echo "The databases are ready."
