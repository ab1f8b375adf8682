"""Who owns things: users of the API, and the one that owns what was there before there were users."""

from alembic import op

revision = "v0003_users"
down_revision = "v0002_runs"

STATEMENTS = (
    "CREATE SCHEMA auth",
    """
    CREATE TABLE auth.app_user (
        id                  uuid        NOT NULL,
        email               text        NOT NULL,
        display_name        text        NOT NULL,
        password_hash       text,
        role                text        NOT NULL DEFAULT 'user',
        status              text        NOT NULL DEFAULT 'active',
        password_changed_at timestamptz NOT NULL DEFAULT now(),
        version             integer     NOT NULL DEFAULT 1,
        created_at          timestamptz NOT NULL DEFAULT now(),
        updated_at          timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT app_user_pkey PRIMARY KEY (id),
        CONSTRAINT app_user_email_shape CHECK (email ~ '^[^@[:space:]]{1,64}@[^@[:space:]]{1,189}$'),
        CONSTRAINT app_user_email_lower CHECK (email = lower(email)),
        CONSTRAINT app_user_email_unique UNIQUE (email),
        CONSTRAINT app_user_name_length CHECK (btrim(display_name) <> '' AND length(display_name) <= 200),
        CONSTRAINT app_user_role_known CHECK (role IN ('admin', 'user')),
        CONSTRAINT app_user_status_known CHECK (status IN ('active', 'disabled')),
        CONSTRAINT app_user_hash_argon2id CHECK (password_hash LIKE '$argon2id$%')
    )
    """,
    # It has no password and is disabled: nobody can log in as it.
    """
    INSERT INTO auth.app_user (id, email, display_name, status)
    VALUES ('00000000-0000-7000-8000-000000000000', 'system@tidemark.invalid', 'Tidemark itself', 'disabled')
    """,
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
