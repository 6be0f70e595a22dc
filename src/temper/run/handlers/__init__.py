"""Effect handlers: HTTP, a command, Python, WebAssembly, an MCP tool. Named by the operator, never by a blueprint."""

from temper.run.handlers.broken import HandlersBrokenError
from temper.run.handlers.configuration import load_handlers
from temper.run.handlers.limiting import load_limits

__all__ = ["HandlersBrokenError", "load_handlers", "load_limits"]
