"""Contacts as people and other systems keep them: read, changed, merged, and carried in and out as CSV."""
