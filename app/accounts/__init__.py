"""Who may do what: people and how they sign in, roles, tokens, links of one use, the audit log."""
