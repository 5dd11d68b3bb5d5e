"""E-mail: composing and handing over by SMTP, fetching by IMAP, and reading what came; guarded like HTTP."""
