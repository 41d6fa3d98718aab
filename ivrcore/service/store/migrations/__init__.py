"""Alembic's script directory: one module below `versions` for each change of the schema.

To change the schema, change `schema.py`, and write the next module by hand with the last `revision` as its
`down_revision`; add a column with a `server_default` where rows exist. A test compares what the migrations
make with `schema.py` on both databases, and names the difference. `store/migrate.py` runs them.
"""
