"""Users, how they prove who they are, and who did what, in PostgreSQL."""

from lakehouse.contracts.model import Column, Store, Table, Type

POSTGRES = (Store.POSTGRES,)

APP_USER = Table(
    name="auth.app_user",
    doc="Users of the API.",
    grain="id",
    owner="identity",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("email", Type.STRING, "address by which the user logs in, lower case"),
        Column("display_name", Type.STRING, "name for people"),
        Column(
            "password_hash",
            Type.STRING,
            "argon2id hash; absent where the user cannot log in by password",
            nullable=True,
        ),
        Column("role", Type.STRING, "admin or user"),
        Column("status", Type.STRING, "active or disabled"),
        Column("password_changed_at", Type.TIMESTAMP, "when the password was last set"),
        Column("version", Type.INT32, "goes up by one with each change"),
        Column("created_at", Type.TIMESTAMP, "when the user registered"),
        Column("updated_at", Type.TIMESTAMP, "when it last changed"),
    ),
    key=("id",),
    stores=POSTGRES,
)

SESSION = Table(
    name="auth.session",
    doc="Logins: each is one family of refresh tokens.",
    grain="id",
    owner="identity",
    columns=(
        Column("id", Type.UUID, "UUIDv7; sid of its access tokens"),
        Column("user_id", Type.UUID, "auth.app_user.id"),
        Column("created_at", Type.TIMESTAMP, "when the user logged in"),
        Column("expires_at", Type.TIMESTAMP, "when it ends by itself, however often it is refreshed"),
        Column("last_used_at", Type.TIMESTAMP, "when it was last refreshed"),
        Column("ended_at", Type.TIMESTAMP, "when it was ended before its time", nullable=True),
        Column(
            "ended_because",
            Type.STRING,
            "logout, revoked, reuse, password, disabled or role; with ended_at",
            nullable=True,
        ),
        Column("address", Type.STRING, "IP address of the login"),
        Column("user_agent", Type.STRING, "User-Agent of the login, cut to 200 characters"),
    ),
    key=("id",),
    stores=POSTGRES,
)

REFRESH_TOKEN = Table(
    name="auth.refresh_token",
    doc="Refresh tokens by hash; exactly one of a live session is not spent.",
    grain="hash",
    owner="identity",
    columns=(
        Column("hash", Type.BINARY, "sha256 of the token, which is stored nowhere"),
        Column("session_id", Type.UUID, "auth.session.id"),
        Column("issued_at", Type.TIMESTAMP, "when it was handed out"),
        Column("spent_at", Type.TIMESTAMP, "when it was exchanged; using it again ends the session", nullable=True),
        Column("replaced_by", Type.BINARY, "hash of its successor; with spent_at", nullable=True),
    ),
    key=("hash",),
    stores=POSTGRES,
)

API_KEY = Table(
    name="auth.api_key",
    doc="Keys of programs that act for a user.",
    grain="id",
    owner="identity",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("user_id", Type.UUID, "auth.app_user.id: for whom it acts"),
        Column("name", Type.STRING, "what its owner calls it"),
        Column("prefix", Type.STRING, "public part by which it is found: td_ID"),
        Column("secret_hash", Type.BINARY, "sha256 of the secret part (256 bits of chance), which is stored nowhere"),
        Column("scopes", Type.STRING, "what it may do, separated by spaces; never more than its user"),
        Column("created_at", Type.TIMESTAMP, "when it was made"),
        Column("expires_at", Type.TIMESTAMP, "from when it is refused", nullable=True),
        Column("last_used_at", Type.TIMESTAMP, "when it was last used, to the minute", nullable=True),
        Column("revoked_at", Type.TIMESTAMP, "when its owner revoked it", nullable=True),
    ),
    key=("id",),
    stores=POSTGRES,
)

AUDIT_EVENT = Table(
    name="audit.event",
    doc="Who did what to which object, append-only; every row's hash covers its content and the row before it.",
    grain="chain, seq",
    owner="identity",
    columns=(
        Column("chain", Type.INT32, "0 to 15: the last four bits of actor_id; 0 where nobody is known"),
        Column("seq", Type.INT64, "place in the chain, from 1, without gaps"),
        Column("id", Type.UUID, "UUIDv7"),
        Column("occurred_at", Type.TIMESTAMP, "when"),
        Column("actor_id", Type.UUID, "auth.app_user.id of who did it, where known", nullable=True),
        Column("actor_kind", Type.STRING, "session, key, system or anonymous"),
        Column("action", Type.STRING, "what was done, e.g. session.started"),
        Column("object_kind", Type.STRING, "kind of what it was done to, e.g. user"),
        Column("object_id", Type.STRING, "its id, or what names it; empty where there is none"),
        Column("before", Type.JSON, "what was there, without secrets", nullable=True),
        Column("after", Type.JSON, "what is there since, without secrets", nullable=True),
        Column("request_id", Type.STRING, "X-Request-ID of the request; empty where there was none"),
        Column("address", Type.STRING, "IP address of the caller; empty where there was none"),
        Column("previous_hash", Type.BINARY, "hash of the row before it in the chain; zeros for the first"),
        Column("hash", Type.BINARY, "sha256 of previous_hash, chain, seq and the sha256 of the canonical content"),
    ),
    key=("chain", "seq"),
    stores=POSTGRES,
)

TABLES = (APP_USER, SESSION, REFRESH_TOKEN, API_KEY, AUDIT_EVENT)
