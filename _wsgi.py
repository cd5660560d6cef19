"""Entry of the web server: `gunicorn -c gunicorn.conf.py _wsgi:app`."""

from backend.logs import configure_logs
from backend.service.web import web_app
from backend.settings import load_settings

settings = load_settings()
configure_logs(settings.log_level)
app = web_app(settings)
