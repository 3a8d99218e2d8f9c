"""Run by alembic: migrations go over the connection, and inside the transaction, that database.py hands over."""

from alembic import context

from wrapdetect.store.ledger.schema import META, VERSION_TABLE


def migrate() -> None:
    """All steps from the revision found to the one wanted."""
    context.configure(
        connection=context.config.attributes["connection"], target_metadata=META, version_table=VERSION_TABLE
    )
    context.run_migrations()


if __name__ == "env_py":  # so does alembic call it; whoever else imports it (doctests) migrates nothing
    migrate()
