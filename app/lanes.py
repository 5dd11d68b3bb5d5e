"""The only importer of rq and redis: wake-ups after a commit and the live-update channel."""
