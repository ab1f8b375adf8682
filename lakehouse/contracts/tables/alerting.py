"""Alert rules, the alerts that they gave, the mails that told them, and the slow monitor's verdicts, in PostgreSQL."""

from lakehouse.contracts.model import Column, Store, Table, Type

POSTGRES = (Store.POSTGRES,)

_OWNER = Column("owner_id", Type.UUID, "user that owns the rule")
_KIND = Column("kind", Type.STRING, "when the rule is broken: one of lakehouse.alerting.rules.Kind")
_SEVERITY = Column("severity", Type.STRING, "info, warning or critical")

RULE = Table(
    name="alerting.rule",
    doc="What a user wants to be told: about a symbol, a portfolio, or a portfolio's position in a symbol.",
    grain="id",
    owner="risk",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        _OWNER,
        Column("portfolio_id", Type.UUID, "portfolio; absent of a rule on a symbol", nullable=True),
        Column("symbol", Type.STRING, "instrument; absent of a rule on a portfolio", nullable=True),
        _KIND,
        Column(
            "limit_value",
            Type.DECIMAL,
            "a price, a share (0.1 is 10 %), seconds, or an amount; absent of a crossed quote",
            nullable=True,
            precision=28,
            scale=8,
        ),
        Column("is_amount", Type.BOOL, "whether the limit is an amount of the portfolio's currency"),
        Column(
            "hysteresis",
            Type.DECIMAL,
            "share of the limit by which the value must be back before the rule is armed again",
            precision=9,
            scale=8,
        ),
        Column("cool_down_s", Type.INT32, "time of ticks after which it may fire again", unit="seconds"),
        Column("once", Type.BOOL, "whether it fires once and is armed again by its owner alone"),
        _SEVERITY,
        Column("status", Type.STRING, "active or paused"),
        Column("arming", Type.INT32, "goes up by one each time that it is to be judged anew, armed"),
        Column("armed_at", Type.TIMESTAMP, "when that was"),
        Column("note", Type.STRING, "the owner's remark"),
        Column("version", Type.INT32, "goes up by one with each change"),
        Column("created_at", Type.TIMESTAMP, "when it was made"),
        Column("updated_at", Type.TIMESTAMP, "when it last changed"),
    ),
    key=("id",),
    stores=POSTGRES,
)

ALERT = Table(
    name="alerting.alert",
    doc="A rule that was broken: told once, never changed; its owner acknowledges it.",
    grain="id; once by rule_id, subject and sequence",
    owner="risk",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("rule_id", Type.UUID, "rule, which may be gone"),
        Column("subject", Type.STRING, "symbol, portfolio, or portfolio:symbol of a position"),
        Column(
            "sequence",
            Type.INT64,
            "which crossing of the rule it is: from 1 of the hot process, from -1 of the monitor",
        ),
        Column("source", Type.STRING, "hot (the tick itself) or monitor (found by the quarter-hourly look)"),
        _OWNER,
        Column("portfolio_id", Type.UUID, "portfolio of the rule; absent of a rule on a symbol", nullable=True),
        Column("symbol", Type.STRING, "instrument of the rule; absent of a rule on a portfolio", nullable=True),
        _KIND,
        _SEVERITY,
        Column("at", Type.TIMESTAMP, "event time of the tick that did it, or of the second that passed"),
        Column("value", Type.FLOAT64, "what went over or under the bound"),
        Column("bound", Type.FLOAT64, "the limit as a price, seconds, or units of the portfolio's currency"),
        Column(
            "tick_topic", Type.STRING, "Kafka topic of the tick that did it; absent where time alone did", nullable=True
        ),
        Column("tick_partition", Type.INT32, "its partition", nullable=True),
        Column("tick_offset", Type.INT64, "its offset", nullable=True),
        Column("message", Type.STRING, "what happened, for people"),
        Column("created_at", Type.TIMESTAMP, "when it was written"),
        Column("acknowledged_at", Type.TIMESTAMP, "when it was seen; absent before", nullable=True),
        Column("acknowledged_by", Type.UUID, "who has seen it", nullable=True),
    ),
    key=("id",),
    stores=POSTGRES,
)

MAIL = Table(
    name="alerting.mail",
    doc="Which mail told an alert, or why none did.",
    grain="alert_id",
    owner="risk",
    columns=(
        Column("alert_id", Type.UUID, "alert"),
        _OWNER,
        Column("status", Type.STRING, "waiting, sent, skipped (the owner wants none) or failed (refused for good)"),
        Column("message_id", Type.STRING, "Message-ID of the mail, which may tell several; empty for none"),
        Column("reason", Type.STRING, "why it was skipped or failed; empty otherwise"),
        Column("attempts", Type.INT32, "times that it was tried"),
        Column("queued_at", Type.TIMESTAMP, "when it was read from Kafka"),
        Column(
            "decided_at", Type.TIMESTAMP, "when it was sent, skipped or given up; absent while it waits", nullable=True
        ),
    ),
    key=("alert_id",),
    stores=POSTGRES,
)

VERDICT = Table(
    name="alerting.verdict",
    doc="What the quarter-hourly monitor found of each rule when it last looked.",
    grain="rule_id",
    owner="risk",
    columns=(
        Column("rule_id", Type.UUID, "rule"),
        Column(
            "outcome",
            Type.STRING,
            "kept, told (broken, and the hot process said so), waiting (broken, first seen now), missed (broken at two "
            "looks and not told) or not_judged",
        ),
        Column("reason", Type.STRING, "why it was not judged; empty otherwise"),
        Column("value", Type.FLOAT64, "what was compared with the bound", nullable=True),
        Column("bound", Type.FLOAT64, "the limit as a price, seconds, or the portfolio's currency", nullable=True),
        Column(
            "broken_since", Type.TIMESTAMP, "the first look at which it was broken; absent otherwise", nullable=True
        ),
        Column("judged_at", Type.TIMESTAMP, "when the monitor looked"),
    ),
    key=("rule_id",),
    stores=POSTGRES,
)

TABLES = (RULE, ALERT, MAIL, VERDICT)
