"""The engines of the stack: Kafka, MinIO, PostgreSQL, Redis, ClickHouse and Spark Connect."""

from psycopg import conninfo

from lakehouse.local import conf_engines, launch, probes
from lakehouse.local.install import debian, jars, minio
from lakehouse.local.install.tools import run
from lakehouse.local.spec import ProcessSpec, Role, StackContext

SUPERUSER = "postgres"
SMALL_JVM = ("-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-Xshare:auto", "-Duser.timezone=UTC")


def specs(context: StackContext) -> tuple[ProcessSpec, ...]:
    """Every engine, in no particular order."""
    return (kafka(context), s3(context), postgres(context), redis(context), clickhouse(context), spark(context))


def kafka(context: StackContext) -> ProcessSpec:
    """The broker, its own KRaft controller."""
    classpath = f"{context.home.conf / 'kafka'}:{jars.folder(context.cache, 'kafka')}/*"
    java = (str(context.java.path), *SMALL_JVM, "-Xms192m", "-Xmx512m", "-cp", classpath)
    properties = context.home.conf / "kafka" / "server.properties"

    def format_storage() -> None:
        data = context.home.data("kafka")
        if (data / "meta.properties").exists():
            return
        data.mkdir(parents=True, exist_ok=True)
        identity = ("-t", conf_engines.new_cluster_id(), "-c", str(properties))
        run((*java, "kafka.tools.StorageTool", "format", "--standalone", *identity), log=context.home.log("kafka"))

    return ProcessSpec(
        name="kafka",
        role=Role.ENGINE,
        needs=("kafka-jars",),
        argv=(*java, "kafka.Kafka", str(properties)),
        cwd=context.home.run,
        files={
            properties: conf_engines.kafka_properties(context),
            context.home.conf / "kafka" / "log4j2.properties": conf_engines.log4j2(),
        },
        prepare=format_storage,
        probe=probes.kafka(context.settings.kafka),
        ports=("kafka_port", "kafka_controller_port"),
        url=context.settings.kafka.bootstrap_servers,
        stop_wait_s=20,
    )


def s3(context: StackContext) -> ProcessSpec:
    """MinIO on one folder."""
    section = context.settings.s3
    data = context.home.data("s3")
    address = f"127.0.0.1:{context.settings.stack.s3_port}"
    return ProcessSpec(
        name="s3",
        role=Role.ENGINE,
        needs=("minio",),
        argv=(str(minio.binary(context.cache)), "server", "--address", address, "--quiet", str(data)),
        cwd=context.home.run,
        env={
            "MINIO_ROOT_USER": section.access_key,
            "MINIO_ROOT_PASSWORD": section.secret_key.get_secret_value(),
            "MINIO_REGION": section.region,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            "MINIO_PROMETHEUS_AUTH_TYPE": "public",  # metrics only, and only on loopback
        },
        prepare=lambda: data.mkdir(parents=True, exist_ok=True),
        probe=probes.http_ok(f"{section.endpoint_url}/minio/health/ready"),
        ports=("s3_port",),
        url=section.endpoint_url,
    )


def postgres(context: StackContext) -> ProcessSpec:
    """PostgreSQL with TimescaleDB, by TCP and password only."""
    conf = context.home.conf
    data = context.home.data("postgres")
    programs = debian.postgres_bin(context.cache)
    prefix = launch.words()

    def initialise() -> None:
        launch.unprivileged(data)
        if (data / "PG_VERSION").exists():
            return
        password = conf / "postgres.password"
        encoding = ("-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        login = ("-U", SUPERUSER, "-A", "scram-sha-256", f"--pwfile={password}")
        run((*prefix, str(programs / "initdb"), "-D", str(data), *login, *encoding), log=context.home.log("postgres"))

    return ProcessSpec(
        name="postgres",
        role=Role.ENGINE,
        needs=("debian",),
        argv=(*prefix, str(programs / "postgres"), "-D", str(data), "-c", f"config_file={conf / 'postgresql.conf'}"),
        cwd=context.home.run,
        files={
            conf / "postgresql.conf": conf_engines.postgresql_conf(context),
            conf / "pg_hba.conf": conf_engines.pg_hba(),
            conf / "postgres.password": context.env.local_secret("POSTGRES_SUPERUSER_PASSWORD") + "\n",
        },
        prepare=initialise,
        probe=probes.postgres(superuser_conninfo(context)),
        ports=("postgres_port",),
        url=f"postgresql://127.0.0.1:{context.settings.stack.postgres_port}",
        stop_signal=launch.POSTGRES_STOP,
        stop_wait_s=20,
    )


def superuser_conninfo(context: StackContext, database: str = "postgres") -> str:
    """A libpq connection string of the superuser, with its password: never log it."""
    return conninfo.make_conninfo(
        host="127.0.0.1",
        port=context.settings.stack.postgres_port,
        user=SUPERUSER,
        password=context.env.local_secret("POSTGRES_SUPERUSER_PASSWORD"),
        dbname=database,
    )


def redis(context: StackContext) -> ProcessSpec:
    """Redis, append-only."""
    conf = context.home.conf / "redis.conf"
    data = context.home.data("redis")
    return ProcessSpec(
        name="redis",
        role=Role.ENGINE,
        needs=("debian",),
        argv=(str(debian.redis_server(context.cache)), str(conf)),
        cwd=context.home.run,
        files={conf: conf_engines.redis_conf(context)},
        prepare=lambda: data.mkdir(parents=True, exist_ok=True),
        probe=probes.redis_ping(context.settings.redis),
        ports=("redis_port",),
        url=f"redis://127.0.0.1:{context.settings.stack.redis_port}",
    )


def clickhouse(context: StackContext) -> ProcessSpec:
    """The ClickHouse engine (chDB) behind ClickHouse's HTTP interface."""
    data = context.home.data("clickhouse")
    return ProcessSpec(
        name="clickhouse",
        role=Role.ENGINE,
        argv=(str(context.python), "-m", "lakehouse.local.clickhouse"),
        cwd=context.project,
        prepare=lambda: data.mkdir(parents=True, exist_ok=True),
        probe=probes.http_ok(f"{context.settings.clickhouse.url}/ping"),
        ports=("clickhouse_port",),
        uses=("s3",),
        url=context.settings.clickhouse.url,
        stop_wait_s=20,
    )


def spark(context: StackContext) -> ProcessSpec:
    """The one Spark Connect server, through which every Spark commit to the lake goes."""
    conf = context.home.conf / "spark"
    data = context.home.data("spark")
    lake = jars.folder(context.cache, "lake")
    classpath = f"{conf}:{jars.pyspark_jars()}/*:{lake}/*"
    opens = tuple(f"--add-opens={package}=ALL-UNNAMED" for package in conf_engines.SPARK_OPENS)
    options = (
        *("-XX:+IgnoreUnrecognizedVMOptions", *opens, *conf_engines.SPARK_OPTIONS),
        f"-Dderby.system.home={data}",
    )
    heap = ("-Xms256m", f"-Xmx{context.settings.spark.driver_memory}")
    memory = (*heap, "-XX:MinHeapFreeRatio=20", "-XX:MaxHeapFreeRatio=40")
    main = ("org.apache.spark.deploy.SparkSubmit", "--properties-file", str(conf / "spark.conf"))
    server = ("--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal")
    return ProcessSpec(
        name="spark",
        role=Role.ENGINE,
        needs=("lake-jars",),
        argv=(str(context.java.path), *SMALL_JVM, *memory, *options, "-cp", classpath, *main, *server),
        cwd=data,
        env={
            "PYSPARK_PYTHON": str(context.python),
            "SPARK_HOME": str(jars.pyspark_jars().parent),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
        files={
            conf / "spark.conf": conf_engines.spark_properties(context, lake),
            conf / "log4j2.properties": conf_engines.log4j2(),
        },
        prepare=lambda: (data / "tmp").mkdir(parents=True, exist_ok=True),
        probe=probes.spark_connect(context.settings.stack.spark_port),
        ports=("spark_port",),
        uses=("s3",),
        url=context.settings.spark.remote,
        stop_wait_s=15,
    )
