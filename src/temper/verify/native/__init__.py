"""The native search: the relation of a table compiled, a second engine behind the results of the plain one."""

from temper.verify.native.exploration import NativeExploration
from temper.verify.native.search import judged, search_natively
from temper.verify.native.unsupported import Unsupported

__all__ = ["NativeExploration", "Unsupported", "judged", "search_natively"]
