"""Everything that the quotes' process measures, named and explained here."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streaming.quotes.writer import Written

FLUSH_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
AGE_BOUNDS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 30.0, 300.0)


class QuotesMetrics:
    """The process's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._lag = Gauge(
            "tidemark_quotes_lag_messages", "Messages not written yet.", ["partition"], registry=self.registry
        )
        self._paused = Gauge("tidemark_quotes_paused", "1 while PostgreSQL is waited for.", registry=self.registry)
        self._skipped = self._counter("offsets_skipped", "Offsets without a message, or lost before they were read.")
        self._rows = self._counter("ticks", "Ticks written to market.quote_tick.")
        self._refused = self._counter("messages_refused", "Messages that broke their contract; they are quarantined.")
        self._unstorable = self._counter("ticks_unstorable", "Ticks whose symbol or provider is too long, or has NUL.")
        self._accepted = self._counter("quotes_changed", "Changes of market.realtime_symbols.")
        self._bars = self._counter("bars_changed", "Bars of a minute that were new or changed.")
        self._rebuilt = self._counter("bars_rebuilt", "Bars of a minute made anew from their ticks.")
        self._late = self._counter("trades_late", "Trades not newer than one of their symbol before.")
        self._repeats = self._counter(
            "trades_repeated", "Late trades that were written before: they count once in bars."
        )
        self._too_late = self._counter("bars_too_late", "Times that a bar stayed because its ticks are dropped.")
        self.failures = self._counter("database_failures", "Times that PostgreSQL did not answer or refused.")
        self.unheard = self._counter("bus_failures", "Times that Redis did not take quotes.")
        self.enriched = self._counter("enriched", "Messages of market.quotes.enriched that were acknowledged.")
        self.unsent = self._counter("enriched_unsent", "Such messages that Kafka refused.")
        self.dropped = self._counter("chunks_dropped", "Chunks of old ticks dropped; without TimescaleDB, rows.")
        self.hypertable = Gauge(
            "tidemark_quotes_hypertable", "1 where ticks are a hypertable, 0 a table.", registry=self.registry
        )
        self.compresses = Gauge(
            "tidemark_quotes_compresses", "1 where TimescaleDB compresses old ticks.", registry=self.registry
        )
        self.flush = Histogram(
            "tidemark_quotes_flush_seconds",
            "Time to write and commit a flush.",
            buckets=FLUSH_BOUNDS_S,
            registry=self.registry,
        )
        self.age = Histogram(
            "tidemark_quotes_age_seconds",
            "Age of a flush's oldest message, by its Kafka timestamp, when it was committed.",
            buckets=AGE_BOUNDS_S,
            registry=self.registry,
        )

    def skipped(self, topic: str, count: int) -> None:
        self._skipped.inc(count)

    def paused(self, topic: str, is_paused: bool) -> None:
        self._paused.set(is_paused)

    def lag(self, topic: str, partition: int, messages: int) -> None:
        self._lag.labels(str(partition)).set(messages)

    def decoded(self, *, refused: int, unstorable: int) -> None:
        """Count what of a flush is no tick that can be written."""
        self._refused.inc(refused)
        self._unstorable.inc(unstorable)

    def written(self, done: Written) -> None:
        """Count what a flush did."""
        self._rows.inc(done.rows)
        self._accepted.inc(len(done.accepted))
        self._bars.inc(done.bars)
        self._rebuilt.inc(done.rebuilt)
        self._late.inc(done.late)
        self._repeats.inc(done.repeats)
        self._too_late.inc(done.too_late)

    def _counter(self, name: str, doc: str) -> Counter:
        return Counter(f"tidemark_quotes_{name}", doc, registry=self.registry)
