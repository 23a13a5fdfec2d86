"""Credentials: recoverable secrets, used nonces, service principals and the keys of their tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the four tables. Code that does not know them goes on running beside them."""
    op.create_table(
        "recoverable_secret",
        sa.Column("entity_id", _BIG, nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_recoverable_secret_entity_id")),
        sa.ForeignKeyConstraint(["tenancy_id"], ["tenancy.id"], name=op.f("fk_recoverable_secret_tenancy_id")),
        sa.PrimaryKeyConstraint("entity_id", name=op.f("pk_recoverable_secret")),
        comment="Passwords that a key from outside the database opens, of those who sign in by digest.",
    )
    op.create_table(
        "used_nonce",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenancy_id"], ["tenancy.id"], name=op.f("fk_used_nonce_tenancy_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_used_nonce")),
        comment="Which tokens of single use were used; kept until their age alone would have them refused.",
    )
    op.create_index("ix_used_nonce_until", "used_nonce", ["until"])
    op.create_table(
        "service_principal",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("client", sa.String(100), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("entity_id", _BIG, nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("secret_hash", sa.String(255), nullable=False),
        sa.Column("lifetime_seconds", sa.Integer()),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_service_principal_entity_id")),
        sa.ForeignKeyConstraint(["tenancy_id"], ["tenancy.id"], name=op.f("fk_service_principal_tenancy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_principal")),
        sa.UniqueConstraint("tenancy_id", "client", "name", name=op.f("uq_service_principal_tenancy_id_client_name")),
        comment="Programs that get tokens, each to act as a person.",
    )
    op.create_table(
        "token_key",
        sa.Column("kid", sa.String(36), nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("private_key", sa.Text()),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("verifies_until", sa.BigInteger()),
        sa.ForeignKeyConstraint(["tenancy_id"], ["tenancy.id"], name=op.f("fk_token_key_tenancy_id")),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_token_key")),
        comment="Keys that sign tokens; one that was replaced keeps only its public half, to verify what it signed.",
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("token_key")
    op.drop_table("service_principal")
    op.drop_index("ix_used_nonce_until", "used_nonce")
    op.drop_table("used_nonce")
    op.drop_table("recoverable_secret")
