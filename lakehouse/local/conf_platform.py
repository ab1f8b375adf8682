"""The configuration of Airflow, MLflow and Prometheus, as environments and text."""

import json
from urllib.parse import quote

import yaml

from lakehouse.local.spec import StackContext


def airflow_environment(context: StackContext) -> dict[str, str]:
    """What Airflow's four processes and its command line share. Holds secrets."""
    settings, home = context.settings, context.home
    url = settings.airflow.url
    login = f"airflow:{quote(context.env.local_secret('AIRFLOW_DB_PASSWORD'))}"
    database = f"{login}@127.0.0.1:{settings.stack.postgres_port}/airflow"
    options = {
        "CORE__DAGS_FOLDER": str(context.project / "dags"),
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",  # the default forks 32 workers
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__FERNET_KEY": context.env.local_secret("AIRFLOW_FERNET_KEY"),
        "CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{settings.airflow.user}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home.conf / "airflow.passwords.json"),
        "DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg://{database}",
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{database}",
        "API__HOST": "127.0.0.1",
        "API__PORT": str(settings.stack.airflow_port),
        "API__BASE_URL": url,
        "API__WORKERS": "1",
        "API__SECRET_KEY": context.env.local_secret("AIRFLOW_API_SECRET"),
        "API_AUTH__JWT_SECRET": context.env.local_secret("AIRFLOW_JWT_SECRET"),
        "SCHEDULER__TASK_QUEUED_TIMEOUT": "1800",
        # Spark may take every core for a while: a late heartbeat is no reason to kill a healthy task.
        "WORKERS__EXECUTION_API_TIMEOUT": "30",
        "WORKERS__MAX_FAILED_HEARTBEATS": "20",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        # One that changes is read at once; the others only in case something that they import has changed.
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "DAG_PROCESSOR__DAG_VERSION_INFLATION_CHECK_LEVEL": "error",
        "LOGGING__BASE_LOG_FOLDER": str(home.logs / "airflow"),
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home.logs / "airflow" / "dag_processor"),
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return {
        "AIRFLOW_HOME": str(home.data("airflow")),
        **{f"AIRFLOW__{name}": value for name, value in options.items()},
    }


def airflow_passwords(context: StackContext) -> str:
    """The password file of Airflow's simple auth manager."""
    section = context.settings.airflow
    return json.dumps({section.user: section.password.get_secret_value()}) + "\n"


def mlflow_environment(context: StackContext) -> dict[str, str]:
    """MLflow's server: PostgreSQL store, artifacts proxied to S3, no jobs, no pickle. Holds secrets."""
    settings = context.settings
    login = f"mlflow:{quote(context.env.local_secret('MLFLOW_DB_PASSWORD'))}"
    port = settings.stack.mlflow_port
    return {
        "MLFLOW_BACKEND_STORE_URI": f"postgresql+psycopg://{login}@127.0.0.1:{settings.stack.postgres_port}/mlflow",
        "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{settings.s3.mlflow_bucket}/",
        "MLFLOW_S3_ENDPOINT_URL": settings.s3.endpoint_url,
        "AWS_ACCESS_KEY_ID": settings.s3.access_key,
        "AWS_SECRET_ACCESS_KEY": settings.s3.secret_key.get_secret_value(),
        "AWS_DEFAULT_REGION": settings.s3.region,
        "MLFLOW_SERVER_ALLOWED_HOSTS": f"127.0.0.1,127.0.0.1:{port},localhost,localhost:{port}",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }


def prometheus_yml(context: StackContext) -> str:
    """What Prometheus scrapes: the lander, the relay, the API, MinIO and itself."""
    stack = context.settings.stack
    jobs = {
        "landing": (stack.landing_metrics_port, "/metrics"),
        "outbox": (stack.outbox_metrics_port, "/metrics"),
        "hot": (stack.hot_metrics_port, "/metrics"),
        "quotes": (stack.quotes_metrics_port, "/metrics"),
        "signals": (stack.signals_metrics_port, "/metrics"),
        **({"feed": (stack.feed_metrics_port, "/metrics")} if context.settings.providers.order else {}),
        **({"mail": (stack.mail_metrics_port, "/metrics")} if context.settings.alerts.smtp_host else {}),
        **({"broker": (stack.broker_metrics_port, "/metrics")} if context.settings.broker.name else {}),
        "api": (stack.api_port, "/metrics"),
        "minio": (stack.s3_port, "/minio/v2/metrics/cluster"),
        "prometheus": (stack.prometheus_port, "/metrics"),
    }
    return yaml.safe_dump(
        {
            "global": {"scrape_interval": "5s", "scrape_timeout": "4s"},
            "rule_files": [str(context.project / "deploy" / "prometheus" / "rules.yml")],
            "scrape_configs": [
                {"job_name": name, "metrics_path": path, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
                for name, (port, path) in jobs.items()
            ],
        },
        sort_keys=False,
    )
