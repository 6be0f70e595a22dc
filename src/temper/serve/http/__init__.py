"""HTTP: the only room with the server. Imported when something is served, and not before."""

from temper.serve.http.app import BODY_BYTES_MAX, application
from temper.serve.http.looping import run_server
from temper.serve.http.server import Server, open_socket, serve_until_stopped, url_of

__all__ = [
    "BODY_BYTES_MAX",
    "Server",
    "application",
    "open_socket",
    "run_server",
    "serve_until_stopped",
    "url_of",
]
