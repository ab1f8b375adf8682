"""Sessions, refresh tokens, API keys and the audit log."""

from alembic import op

revision = "v0010_identity"
down_revision = "v0007_plumbing"

IDENTITY = (
    """
    CREATE TABLE auth.session (
        id            uuid        NOT NULL,
        user_id       uuid        NOT NULL,
        created_at    timestamptz NOT NULL,
        expires_at    timestamptz NOT NULL,
        last_used_at  timestamptz NOT NULL,
        ended_at      timestamptz,
        ended_because text,
        address       text        NOT NULL DEFAULT '',
        user_agent    text        NOT NULL DEFAULT '',
        CONSTRAINT session_pkey PRIMARY KEY (id),
        CONSTRAINT session_user_fkey FOREIGN KEY (user_id) REFERENCES auth.app_user (id),
        CONSTRAINT session_time_forward CHECK (expires_at > created_at),
        CONSTRAINT session_end_known CHECK (
            ended_because IN ('logout', 'revoked', 'reuse', 'password', 'disabled', 'role')
        ),
        CONSTRAINT session_end_explained CHECK ((ended_at IS NULL) = (ended_because IS NULL)),
        CONSTRAINT session_text_length CHECK (length(address) <= 64 AND length(user_agent) <= 200)
    )
    """,
    "CREATE INDEX session_user_idx ON auth.session (user_id, id)",
    """
    CREATE TABLE auth.refresh_token (
        hash        bytea       NOT NULL,
        session_id  uuid        NOT NULL,
        issued_at   timestamptz NOT NULL,
        spent_at    timestamptz,
        replaced_by bytea,
        CONSTRAINT refresh_token_pkey PRIMARY KEY (hash),
        CONSTRAINT refresh_token_session_fkey FOREIGN KEY (session_id) REFERENCES auth.session (id) ON DELETE CASCADE,
        CONSTRAINT refresh_token_hash_sha256 CHECK (length(hash) = 32),
        CONSTRAINT refresh_token_spent_once CHECK ((spent_at IS NULL) = (replaced_by IS NULL))
    )
    """,
    # One token of a family can be spent next; a second one would be a fork.
    "CREATE UNIQUE INDEX refresh_token_newest_idx ON auth.refresh_token (session_id) WHERE spent_at IS NULL",
    "CREATE INDEX refresh_token_session_idx ON auth.refresh_token (session_id)",
    """
    CREATE TABLE auth.api_key (
        id           uuid        NOT NULL,
        user_id      uuid        NOT NULL,
        name         text        NOT NULL,
        prefix       text        NOT NULL,
        secret_hash  bytea       NOT NULL,
        scopes       text        NOT NULL,
        created_at   timestamptz NOT NULL,
        expires_at   timestamptz,
        last_used_at timestamptz,
        revoked_at   timestamptz,
        CONSTRAINT api_key_pkey PRIMARY KEY (id),
        CONSTRAINT api_key_user_fkey FOREIGN KEY (user_id) REFERENCES auth.app_user (id),
        CONSTRAINT api_key_prefix_unique UNIQUE (prefix),
        CONSTRAINT api_key_prefix_shape CHECK (prefix ~ '^td_[a-z2-7]{13}$'),
        CONSTRAINT api_key_name_length CHECK (btrim(name) <> '' AND length(name) <= 200),
        CONSTRAINT api_key_hash_sha256 CHECK (length(secret_hash) = 32),
        CONSTRAINT api_key_scopes_shape CHECK (scopes ~ '^[a-z:]+( [a-z:]+)*$'),
        CONSTRAINT api_key_time_forward CHECK (expires_at > created_at)
    )
    """,
    "CREATE INDEX api_key_user_idx ON auth.api_key (user_id, id)",
)

AUDIT = (
    "CREATE SCHEMA audit",
    """
    CREATE TABLE audit.event (
        chain         integer     NOT NULL,
        seq           bigint      NOT NULL,
        id            uuid        NOT NULL,
        occurred_at   timestamptz NOT NULL,
        actor_id      uuid,
        actor_kind    text        NOT NULL,
        action        text        NOT NULL,
        object_kind   text        NOT NULL,
        object_id     text        NOT NULL,
        before        jsonb,
        after         jsonb,
        request_id    text        NOT NULL,
        address       text        NOT NULL,
        previous_hash bytea       NOT NULL,
        hash          bytea       NOT NULL,
        CONSTRAINT event_pkey PRIMARY KEY (chain, seq),
        CONSTRAINT event_id_unique UNIQUE (id),
        CONSTRAINT event_chain_range CHECK (chain BETWEEN 0 AND 15),
        CONSTRAINT event_actor_known CHECK (actor_kind IN ('session', 'key', 'system', 'anonymous')),
        CONSTRAINT event_action_shape CHECK (action ~ '^[a-z][a-z_.]{1,79}$'),
        CONSTRAINT event_hash_sha256 CHECK (length(hash) = 32 AND length(previous_hash) = 32)
    )
    """,
    "CREATE INDEX event_object_idx ON audit.event (object_kind, object_id)",
    "CREATE INDEX event_actor_idx ON audit.event (actor_id, id)",
    """
    CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()
    """,
    # The only way to write: it alone decides a row's number and what it is chained to. The lock is held until the
    # caller's transaction ends, so that a row never follows one that is rolled back; there are 16 chains, by actor, so
    # that users do not wait for each other.
    """
    CREATE FUNCTION audit.append(
        chain_no integer, event_id uuid, at timestamptz, actor uuid, kind_of_actor text, what text, kind_of_object text,
        object text, was jsonb, became jsonb, request text, caller text, digest bytea
    ) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
    DECLARE
        last_seq  bigint;
        last_hash bytea;
    BEGIN
        PERFORM pg_advisory_xact_lock(1413763412, chain_no);
        SELECT e.seq, e.hash INTO last_seq, last_hash
        FROM audit.event AS e WHERE e.chain = chain_no ORDER BY e.seq DESC LIMIT 1;
        last_seq := coalesce(last_seq, 0) + 1;
        last_hash := coalesce(last_hash, decode(repeat('00', 32), 'hex'));
        INSERT INTO audit.event (chain, seq, id, occurred_at, actor_id, actor_kind, action, object_kind, object_id,
            before, after, request_id, address, previous_hash, hash)
        VALUES (chain_no, last_seq, event_id, at, actor, kind_of_actor, what, kind_of_object, object, was, became,
            request, caller, last_hash, sha256(last_hash || int4send(chain_no) || int8send(last_seq) || digest));
        RETURN last_seq;
    END $$
    """,
    "REVOKE ALL ON FUNCTION audit.append FROM PUBLIC",
    "GRANT USAGE ON SCHEMA audit TO tidemark_api",
    "GRANT SELECT ON audit.event TO tidemark_api",
    "GRANT EXECUTE ON FUNCTION audit.append TO tidemark_api",
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in (*IDENTITY, *AUDIT):
        op.execute(statement)
