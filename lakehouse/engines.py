"""Settings of the engines that the platform stands on; `lakehouse.settings` puts them together."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Section(BaseModel):
    """One engine's settings: immutable, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(Section):
    bootstrap_servers: str = Field("127.0.0.1:9092", description="host:port list of the brokers")
    security_protocol: str = Field("PLAINTEXT", description="librdkafka security.protocol")
    partitions: int = Field(4, ge=1, description="partitions of a topic that Tidemark creates")
    replication_factor: int = Field(1, ge=1, description="replicas of a topic that Tidemark creates")


class S3Settings(Section):
    endpoint_url: str = Field("http://127.0.0.1:9000", description="any S3 endpoint with conditional put")
    region: str = Field("us-east-1", description="region name sent in signatures")
    access_key: str = Field("", description="access key of the lake's owner")
    secret_key: SecretStr = Field(SecretStr(""), description="secret key of the lake's owner")
    lake_bucket: str = Field("tidemark-lake", description="bucket of the Delta tables")
    mlflow_bucket: str = Field("tidemark-mlflow", description="bucket of MLflow artifacts")


class PostgresSettings(Section):
    host: str = Field("127.0.0.1", description="PostgreSQL 17 with TimescaleDB")
    port: int = Field(5432, description="port")
    user: str = Field("tidemark", description="role that owns the platform's schema")
    password: SecretStr = Field(SecretStr(""), description="password of that role")
    database: str = Field("tidemark", description="database of portfolios and run manifests")
    pool_max_size: int = Field(8, ge=1, description="connections a process may hold")
    replica_host: str = Field("", description="read replica that the API reads lists and reports from; empty: none")
    replica_port: int = Field(0, ge=0, description="port of the replica; 0: as postgres.port")

    @property
    def dsn(self) -> str:
        """libpq URL without the password, fit for logs."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"


class RedisSettings(Section):
    host: str = Field("127.0.0.1", description="Redis host")
    port: int = Field(6379, description="Redis port")
    password: SecretStr = Field(SecretStr(""), description="Redis password")


class ClickHouseSettings(Section):
    host: str = Field("127.0.0.1", description="ClickHouse HTTP host")
    port: int = Field(8123, description="ClickHouse HTTP port")
    user: str = Field("tidemark", description="owner of the marts")
    password: SecretStr = Field(SecretStr(""), description="password of the owner")
    analyst_user: str = Field("analyst", description="read-only user for people")
    analyst_password: SecretStr = Field(SecretStr(""), description="password of the read-only user")
    database: str = Field("tidemark", description="database of the marts")
    s3_endpoint_url: str = Field(
        "", description="S3 endpoint as the ClickHouse server sees it; empty: as s3.endpoint_url"
    )

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class SparkSettings(Section):
    remote: str = Field(
        "sc://127.0.0.1:15002", description="the one Spark Connect server that makes every Spark commit"
    )
    master: str = Field("local[2]", description="master of the embedded Connect server")
    driver_memory: str = Field("2g", description="heap of the embedded Connect server")
    shuffle_partitions: int = Field(4, ge=1, description="spark.sql.shuffle.partitions")
    codegen: bool = Field(
        True,
        description="whether queries are compiled to Java before they run; without it, those over less than some"
        " 100,000 rows take half the time, and those over millions five times as long",
    )


class AirflowSettings(Section):
    url: str = Field("http://127.0.0.1:8080", description="Airflow API server and UI")
    user: str = Field("admin", description="user of the simple auth manager")
    password: SecretStr = Field(SecretStr(""), description="password of that user")


class MlflowSettings(Section):
    tracking_uri: str = Field("http://127.0.0.1:5000", description="MLflow server and UI")
    approval: bool = Field(
        False,
        description="whether a person approves each promotion that the gate accepts: in Airflow, before promote_models",
    )


class PrometheusSettings(Section):
    url: str = Field("http://127.0.0.1:9090", description="Prometheus server")
