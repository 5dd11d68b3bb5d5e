"""Who may do what: tokens, the first link, the audit log."""
