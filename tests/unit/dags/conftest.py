"""Airflow's own folder and database out of the way before anything imports it."""

import os
import tempfile

_HOME = tempfile.mkdtemp(prefix="tidemark-airflow-home-")
os.environ["AIRFLOW_HOME"] = _HOME
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{_HOME}/unused.db"
