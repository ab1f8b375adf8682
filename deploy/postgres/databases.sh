#!/bin/sh
# Roles and databases of the platform, of Airflow and of MLflow; runs once, on an empty data folder.
set -eu
for name in tidemark airflow mlflow; do
  case "$name" in
    tidemark) password=$TIDEMARK_POSTGRES__PASSWORD ;;
    airflow) password=$AIRFLOW_DATABASE_PASSWORD ;;
    mlflow) password=$MLFLOW_DATABASE_PASSWORD ;;
  esac
  PGPASSWORD=$POSTGRES_PASSWORD psql --username postgres --set ON_ERROR_STOP=1 --set name="$name" --set password="$password" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
SQL
done
PGPASSWORD=$POSTGRES_PASSWORD psql --username postgres --dbname tidemark --command 'CREATE EXTENSION IF NOT EXISTS timescaledb'
PGPASSWORD=$POSTGRES_PASSWORD psql --username postgres --command 'CREATE ROLE tidemark_api NOLOGIN' --command 'GRANT tidemark_api TO tidemark'
