"""The runner's steps against the database: each one transaction over everything that is ready."""
