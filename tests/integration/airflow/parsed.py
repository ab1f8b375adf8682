"""Prints what the dag-processor makes of a DAG folder: each DAG's hash, and which heavy packages that needed."""

import json
import sys
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag
from airflow.models.serialized_dag import SerializedDagModel
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.dag_version_inflation_checker import check_dag_file_stability

FORBIDDEN = ("numpy", "pandas", "pyspark", "pyarrow", "mlflow", "deltalake", "torch", "lakehouse.local", "spark_jobs")

bag = DagBag(sys.argv[1])
serialised = {dag_id: DagSerialization.to_dict(dag) for dag_id, dag in bag.dags.items()}
hashes = {dag_id: SerializedDagModel.hash(found) for dag_id, found in serialised.items()}  # type: ignore[no-untyped-call]  # Airflow leaves hash() untyped
unstable = [
    told for path in Path(sys.argv[1]).glob("*.py") if (told := check_dag_file_stability(path).format_warnings())
]
reached = [name for name in FORBIDDEN if name in sys.modules]
report = {"hashes": hashes, "errors": bag.import_errors, "unstable": unstable, "reached": reached}
sys.stdout.write(json.dumps(report) + "\n")
