"""Effect handlers: an HTTP receiver, a command, or Python. Named by the operator, never by a blueprint."""

from temper.run.handlers.broken import HandlersBrokenError
from temper.run.handlers.configuration import load_handlers

__all__ = ["HandlersBrokenError", "load_handlers"]
