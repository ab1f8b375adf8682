"""Every setting of the platform with its default, in one frozen object.

A value comes from, in this order: the process environment (`TIDEMARK_KAFKA__BOOTSTRAP_SERVERS=...`), the
file `$TIDEMARK_HOME/stack.env` that `tidemark up` writes (mode 0600: it holds the generated secrets), the
default below. Entry points call `load()` once and pass sections down; nothing else reads the environment.
"""

import os
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from lakehouse.engines import (
    AirflowSettings as AirflowSettings,
    ClickHouseSettings as ClickHouseSettings,
    KafkaSettings as KafkaSettings,
    MlflowSettings as MlflowSettings,
    PostgresSettings as PostgresSettings,
    PrometheusSettings as PrometheusSettings,
    RedisSettings as RedisSettings,
    S3Settings as S3Settings,
    Section as Section,
    SparkSettings as SparkSettings,
)


class ServingSettings(Section):
    host: str = Field("127.0.0.1", description="address that the API listens on")
    port: int = Field(8000, description="port that the API listens on")
    allow_remote: bool = Field(
        False,
        description="listen beyond loopback: only behind a TLS proxy, or passwords and tokens cross in the clear",
    )
    allowed_hosts: tuple[str, ...] = Field(
        ("127.0.0.1", "localhost", "[::1]"),
        description="values of the Host header that are answered, as a JSON list; others are refused (DNS rebinding)",
    )
    cors_origins: tuple[str, ...] = Field(
        (), description="origins of other sites whose pages may call the API, as a JSON list; never *"
    )
    trusted_proxies: tuple[str, ...] = Field(
        (), description="addresses or networks whose X-Forwarded-For is believed, as a JSON list"
    )
    rate_per_minute: int = Field(12_000, ge=1, description="requests a minute of one user or API key")
    anonymous_rate_per_minute: int = Field(
        3_000, ge=1, description="requests a minute of one address without a valid token or key"
    )
    max_body_bytes: int = Field(1024 * 1024, ge=0, description="a larger request body is refused with 413")
    max_import_bytes: int = Field(32 * 1024 * 1024, ge=0, description="the same for the files of POST /api/v1/imports")
    max_concurrency: int = Field(200, ge=1, description="requests in flight; further ones get 503")
    query_timeout_s: float = Field(10.0, gt=0, description="longest wait for PostgreSQL or ClickHouse in a request")
    probe_timeout_s: float = Field(2.0, gt=0, description="longest wait for one dependency in /health/ready")
    redis_patience_s: float = Field(
        0.25,
        gt=0,
        description="longest wait for Redis where requests are counted: after it, for a second, quotas are counted in "
        "this process and logins get 503",
    )
    analysis_update_s: float = Field(
        30.0, gt=0, description="pause between two updates of a portfolio's value on an analysis socket"
    )
    drain_s: int = Field(10, ge=0, description="time that open requests get when the API is told to stop")

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class AuthSettings(Section):
    issuer: str = Field("tidemark", min_length=1, description="iss of access tokens")
    audience: str = Field("tidemark-api", min_length=1, description="aud of access tokens")
    access_ttl_s: int = Field(600, ge=30, le=900, description="life of an access token")
    refresh_ttl_s: int = Field(14 * 86400, ge=600, description="life of a login: refreshing does not prolong it")
    refresh_grace_s: int = Field(
        10, ge=0, le=60, description="time in which a spent refresh token is refused without ending its session"
    )
    key_dir: Path | None = Field(None, description="folder of the signing keys (0600); empty: keys/jwt in the home")
    allow_registration: bool = Field(True, description="whether anybody may register; otherwise an admin adds users")
    argon2_memory_kib: int = Field(19456, ge=8192, description="memory of a password hash")
    argon2_time_cost: int = Field(2, ge=1, description="passes of a password hash")
    attempts_per_minute: int = Field(
        60, ge=1, description="logins and registrations a minute from one address; failures of one account wait longer"
    )
    session_check_s: float = Field(
        2.0, ge=0, le=5, description="a revoked session, key or user may still be let in for this long"
    )


class LandingSettings(Section):
    flush_interval_s: float = Field(0.5, gt=0, description="commit at least this often while rows wait")
    flush_rows: int = Field(500_000, ge=1, description="commit as soon as this many rows wait")
    flush_bytes: int = Field(64 * 1024 * 1024, ge=1, description="commit as soon as this many bytes wait")
    max_message_bytes: int = Field(1024 * 1024, ge=1, description="a larger message is quarantined, cut to this size")
    metrics_host: str = Field("127.0.0.1", description="address of the lander's Prometheus metrics")
    metrics_port: int = Field(9108, description="port of the lander's Prometheus metrics")
    max_future_s: float = Field(
        300.0, ge=0, description="an event time further ahead of the broker's clock is quarantined"
    )


class OutboxSettings(Section):
    poll_interval_s: float = Field(0.2, gt=0, description="pause of the relay where no event waits")
    batch_rows: int = Field(500, ge=1, le=10_000, description="events that are sent and marked together")
    keep_days: int = Field(7, ge=1, description="relayed events are kept for this long: sockets resume from them")
    metrics_host: str = Field("127.0.0.1", description="address of the relay's Prometheus metrics")
    metrics_port: int = Field(9109, description="port of the relay's Prometheus metrics")


class HotSettings(Section):
    """The hot process: marks, alerts and simulated fills."""

    batch_ms: float = Field(
        2.0, gt=0, le=1000, description="longest wait for more ticks, while there are few, before those are judged"
    )
    start: Literal["latest", "earliest"] = Field(
        "latest", description="where the very first start reads market.ticks from; later ones go on where they were"
    )
    keep_days: int = Field(7, ge=1, description="how long the journal of batches is kept, for recomputations")
    metrics_host: str = Field("127.0.0.1", description="address of the hot process's Prometheus metrics")
    metrics_port: int = Field(9110, description="port of the hot process's Prometheus metrics")


class AlertSettings(Section):
    """Alerts by e-mail: off while no server is named."""

    smtp_host: str = Field("", description="SMTP server that alerts are mailed by; empty: none are")
    smtp_port: int = Field(587, ge=1, le=65535, description="its port")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="starttls, tls from the first byte, or none: only for a server on this machine"
    )
    smtp_user: str = Field("", description="name to log in by; empty: no login")
    smtp_password: SecretStr = Field(SecretStr(""), description="password of that name")
    mail_from: str = Field("tidemark@localhost", description="address that the mails are from")
    mail_every_s: float = Field(
        60.0, ge=0, description="after a mail, alerts of the same user are gathered for this long into the next"
    )
    metrics_host: str = Field("127.0.0.1", description="address of the mailer's Prometheus metrics")
    metrics_port: int = Field(9114, description="port of the mailer's Prometheus metrics")


class QuotesSettings(Section):
    """Ticks to TimescaleDB, bars and latest prices."""

    flush_interval_s: float = Field(0.2, gt=0, description="commit at least this often while ticks wait")
    flush_rows: int = Field(200_000, ge=1, description="commit as soon as this many messages wait")
    keep_days: int = Field(30, ge=1, description="ticks are kept for this long by their own time; bars stay")
    metrics_host: str = Field("127.0.0.1", description="address of the Prometheus metrics of the quotes' process")
    metrics_port: int = Field(9111, description="port of the Prometheus metrics of the quotes' process")


class SignalSettings(Section):
    """Trading signals to orders of portfolios that opted in."""

    metrics_host: str = Field("127.0.0.1", description="address of the Prometheus metrics of the signals' process")
    metrics_port: int = Field(9115, description="port of the Prometheus metrics of the signals' process")


class MarketSettings(Section):
    calendar: str = Field(
        "XNYS",
        description="exchange whose trading days daily bars are checked by, as exchange_calendars names it; "
        "after a change run silver_daily_bars once with --rebuild",
    )
    quote_stale_after_s: float = Field(
        900.0, gt=0, description="an answer calls a price stale that was made longer ago than this"
    )
    order_price_max_age_s: float = Field(
        900.0,
        gt=0,
        description="a market order is refused (price_stale) where its exchange was open for longer than this since "
        "its last price was made",
    )


class TradingSettings(Section):
    """What orders are judged by before they are placed, and what the simulated venue charges."""

    price_collar: Decimal = Field(
        Decimal("0.5"),
        gt=0,
        description="how much worse than the last price a limit may be: with 0.5, half more or half of it",
    )
    max_order_notional: Decimal = Field(
        Decimal(1_000_000_000), gt=0, description="the largest order, in its own currency"
    )
    max_position_notional: Decimal = Field(
        Decimal(10_000_000_000), gt=0, description="the largest position that orders may open, in its own currency"
    )
    slippage_bps: Decimal = Field(
        Decimal(1), ge=0, le=1000, description="how much worse an order without a limit is filled, basis points"
    )
    impact_bps: Decimal = Field(
        Decimal(4), ge=0, le=1000, description="the same besides for taking all that a quote offers, less for a part"
    )
    fee_bps: Decimal = Field(
        Decimal(1), ge=0, le=10, description="what a simulated fill costs, basis points of its amount"
    )


class BrokerSettings(Section):
    """A broker outside, for portfolios that choose it; none by default."""

    name: Literal["", "alpaca", "angel-one"] = Field("", description="alpaca or angel-one; empty: no broker")
    live: bool = Field(
        False,
        description="trade with real money; without it only Alpaca's paper trading, and servers on this machine",
    )
    url: str = Field("", description="address of its REST API, where that is not its own")
    instruments: str = Field("", description="Angel One: a .csv file with symbol,exchange,token,tradingsymbol")
    poll_s: float = Field(2.0, gt=0, description="orders and trades are asked for this often while orders are open")
    alpaca_key: SecretStr = Field(SecretStr(""), description="key id of the Alpaca account")
    alpaca_secret: SecretStr = Field(SecretStr(""), description="secret key of that account")
    angel_one_api_key: SecretStr = Field(SecretStr(""), description="trading API key of Angel One SmartAPI")
    angel_one_client_code: SecretStr = Field(SecretStr(""), description="client code of the account that trades")
    angel_one_pin: SecretStr = Field(SecretStr(""), description="PIN of that account")
    angel_one_totp_secret: SecretStr = Field(SecretStr(""), description="base32 secret of its one-time passwords")
    metrics_host: str = Field("127.0.0.1", description="address of the Prometheus metrics of the broker's process")
    metrics_port: int = Field(9116, description="port of the Prometheus metrics of the broker's process")


class ProviderSettings(Section):
    """Who delivers live prices to `tidemark feed`. A key that is empty leaves its provider out."""

    order: tuple[str, ...] = Field((), description="providers in order of preference, as a JSON list")
    universe: str = Field("", description="symbols to follow: AAPL,MSFT or a .csv file with symbol,exchange,token")
    silent_after_s: float = Field(
        60.0, gt=0, description="a provider that sends nothing for this long while its exchange is open is left"
    )
    demo_mode: bool = Field(
        False, description="treat exchanges as always open: for demonstrations and tests, never where money is moved"
    )
    max_future_s: float = Field(
        5.0, ge=0, description="a tick whose time lies further ahead of the clock goes to quarantine; replays excepted"
    )
    metrics_host: str = Field("127.0.0.1", description="address of the feed's Prometheus metrics")
    metrics_port: int = Field(9113, description="port of the feed's Prometheus metrics")
    finnhub_key: SecretStr = Field(SecretStr(""), description="API key of Finnhub")
    alpha_vantage_key: SecretStr = Field(SecretStr(""), description="API key of Alpha Vantage")
    angel_one_api_key: SecretStr = Field(SecretStr(""), description="API key of Angel One SmartAPI")
    angel_one_client_code: SecretStr = Field(SecretStr(""), description="client code of the Angel One account")
    angel_one_pin: SecretStr = Field(SecretStr(""), description="PIN of that account")
    angel_one_totp_secret: SecretStr = Field(SecretStr(""), description="base32 secret of its one-time passwords")
    five_paisa_key: SecretStr = Field(SecretStr(""), description="user key of the 5paisa app")
    five_paisa_client_code: SecretStr = Field(SecretStr(""), description="client code of the 5paisa account")
    five_paisa_access_token: SecretStr = Field(SecretStr(""), description="access token of that account, of today")


class AllocationSettings(Section):
    """When weights are computed without being asked for, and how long a proposal may be acted on."""

    sweep: str = Field(
        "0 5 * * 1-5",
        description="when portfolios that are due, overdue or still wait get their weights: five fields of cron, hours "
        "of New York",
    )
    price_tolerance: float = Field(
        0.02,
        gt=0,
        lt=1,
        description="a proposal is stale (proposal_stale) where a price has moved by more than this share",
    )


class LineageSettings(Section):
    url: str = Field(
        "", description="where jobs send their OpenLineage events, as http://marquez:5000; empty: logs/lineage.jsonl"
    )
    timeout_s: float = Field(3.0, gt=0, description="how long a job waits for that address, once an event")


class StreamSettings(Section):
    """Sockets and event streams of one process of the API."""

    max_sockets: int = Field(1000, ge=1, description="sockets and event streams together; further ones are refused")
    per_user: int = Field(50, ge=1, description="of these, for one user")
    per_address: int = Field(500, ge=1, description="of these, from one address")
    max_symbols: int = Field(500, ge=1, le=5000, description="symbols that one of them may follow")


class StackSettings(Section):
    """The embedded stack: ports it prefers; a busy port is reported and the next free one is taken."""

    cache_dir: Path | None = Field(None, description="where engines are kept; empty: $XDG_CACHE_HOME/tidemark")
    kafka_port: int = Field(9092, description="preferred port of the broker")
    kafka_controller_port: int = Field(9093, description="preferred port of the KRaft controller")
    s3_port: int = Field(9000, description="preferred port of MinIO")
    postgres_port: int = Field(5432, description="preferred port of PostgreSQL")
    redis_port: int = Field(6379, description="preferred port of Redis")
    clickhouse_port: int = Field(8123, description="preferred port of ClickHouse's HTTP interface")
    spark_port: int = Field(15002, description="preferred port of Spark Connect")
    airflow_port: int = Field(8080, description="preferred port of Airflow")
    mlflow_port: int = Field(5000, description="preferred port of MLflow")
    api_port: int = Field(8000, description="preferred port of the serving API")
    prometheus_port: int = Field(9090, description="preferred port of Prometheus")
    landing_metrics_port: int = Field(9108, description="preferred port of the lander's metrics")
    outbox_metrics_port: int = Field(9109, description="preferred port of the relay's metrics")
    hot_metrics_port: int = Field(9110, description="preferred port of the hot process's metrics")
    quotes_metrics_port: int = Field(9111, description="preferred port of the metrics of the quotes' process")
    feed_metrics_port: int = Field(9113, description="preferred port of the feed's metrics")
    mail_metrics_port: int = Field(9114, description="preferred port of the mailer's metrics")
    signals_metrics_port: int = Field(9115, description="preferred port of the metrics of the signals' process")
    broker_metrics_port: int = Field(9116, description="preferred port of the metrics of the broker's process")


class Settings(BaseSettings):
    """All sections. `TIDEMARK_HOME` is where the embedded stack keeps data, logs and secrets."""

    model_config = SettingsConfigDict(env_prefix="TIDEMARK_", env_nested_delimiter="__", frozen=True, extra="ignore")

    home: Path = Field(Path(".tidemark"), description="data, logs and secrets of the embedded stack")
    kafka: KafkaSettings = KafkaSettings()
    s3: S3Settings = S3Settings()
    postgres: PostgresSettings = PostgresSettings()
    redis: RedisSettings = RedisSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    spark: SparkSettings = SparkSettings()
    airflow: AirflowSettings = AirflowSettings()
    mlflow: MlflowSettings = MlflowSettings()
    serving: ServingSettings = ServingSettings()
    auth: AuthSettings = AuthSettings()
    prometheus: PrometheusSettings = PrometheusSettings()
    landing: LandingSettings = LandingSettings()
    outbox: OutboxSettings = OutboxSettings()
    alerts: AlertSettings = AlertSettings()
    hot: HotSettings = HotSettings()
    quotes: QuotesSettings = QuotesSettings()
    signals: SignalSettings = SignalSettings()
    market: MarketSettings = MarketSettings()
    trading: TradingSettings = TradingSettings()
    broker: BrokerSettings = BrokerSettings()
    providers: ProviderSettings = ProviderSettings()
    allocation: AllocationSettings = AllocationSettings()
    lineage: LineageSettings = LineageSettings()
    streams: StreamSettings = StreamSettings()
    stack: StackSettings = StackSettings()


def project_root() -> Path:
    """The checkout that this code runs from (the package is installed editable)."""
    return Path(__file__).resolve().parent.parent


def home_dir() -> Path:
    """`$TIDEMARK_HOME`, or `.tidemark` in the checkout."""
    return Path(os.environ.get("TIDEMARK_HOME") or project_root() / ".tidemark").resolve()


def load(home: Path | None = None) -> Settings:
    """Read once what holds in `home` or `$TIDEMARK_HOME`. Raises pydantic.ValidationError naming each wrong value."""
    chosen = home_dir() if home is None else home.resolve()
    return Settings(home=chosen, _env_file=chosen / "stack.env")


def cache_dir(section: StackSettings) -> Path:
    """Where fetched engines are kept: `stack.cache_dir`, `$XDG_CACHE_HOME/tidemark` or `~/.cache/tidemark`."""
    if section.cache_dir is not None:
        return section.cache_dir.resolve()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache").resolve() / "tidemark"


def inherited_environment() -> dict[str, str]:
    """A copy of the process environment, for child processes that must find PATH, proxies and certificates.

    They keep the bytecode that they compile, even where this process was told not to: each of the hundreds of tasks and
    servers that a day starts would compile the same libraries again, for seconds.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
