"""The engine: flows as data, and runs through them as data; it performs nothing and asks the world nothing."""
