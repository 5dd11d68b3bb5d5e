"""Steps no installation should have; the worker's tests give them to a real worker."""
