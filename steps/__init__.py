"""The built-in steps: one file, one step, named like its `type`; the registry finds them here."""
