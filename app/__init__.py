"""The house: Flask, SQLAlchemy and RQ around the engine."""
