"""How gunicorn serves the application: gevent, so that an open event stream costs a greenlet and not a thread."""

import os

from gevent import monkey

monkey.patch_all()  # before anything else is imported, so that the database driver and every lock yield too

from app.config import Settings  # noqa: E402  must follow the patching above

_settings = Settings.from_environment(os.environ)

wsgi_app = "wsgi:app"
worker_class = "gevent"
workers = _settings.web_processes
worker_connections = 2000
bind = [f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"]
backlog = 1024
timeout = 30
graceful_timeout = 5
"""Open event streams never end by themselves; their clients reconnect with the last event id."""
keepalive = 75
"""Longer than the 60 s of common proxies, so that they, not we, close idle connections."""
control_socket_disable = True
"""It would lie below the home folder, and nothing of ours uses it."""
loglevel = "warning"
proc_name = "patchbay-web"
forwarded_allow_ips = ""
"""No header of a proxy is believed: PUBLIC_URL says how the outside sees us."""
