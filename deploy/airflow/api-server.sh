#!/bin/sh
# Airflow's api-server with the login of the settings. Its auth manager opens the password file for writing, so the
# file cannot be mounted read-only: it is written anew at every start, where only this process can read it.
set -eu
umask 077
python -c 'import json, os; print(json.dumps({os.environ["TIDEMARK_AIRFLOW__USER"]: os.environ["TIDEMARK_AIRFLOW__PASSWORD"]}))' \
  > "$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
exec airflow api-server
