"""Airflow's own folder and database out of the way before anything imports it."""

import atexit
import os
import shutil
import tempfile

_HOME = tempfile.mkdtemp(prefix="tidemark-airflow-home-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _HOME
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT"] = "300"  # of a file: 30 s are few for the imports of the first one
os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{_HOME}/unused.db"
