"""Users and how they prove who they are, in PostgreSQL."""

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

TABLES = (APP_USER,)
