"""What Alembic runs: the migrations, over the connection that the service gives it."""

from alembic import context

from soapsvc.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
