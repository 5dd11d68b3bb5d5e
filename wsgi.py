"""The WSGI application that gunicorn serves; its settings are app/launch/gunicorn_config.py."""

from app.web import create_app

app = create_app()
