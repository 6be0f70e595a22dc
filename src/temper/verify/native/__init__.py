"""The native search: the relation of a table compiled, a second engine behind the results of the plain one."""

from typing import TYPE_CHECKING

from temper.door import opened

if TYPE_CHECKING:
    from temper.verify.native.exploration import NativeExploration
    from temper.verify.native.search import judged, search_natively
    from temper.verify.native.unsupported import Disagreement, Unsupported

__all__ = ["Disagreement", "NativeExploration", "Unsupported", "judged", "search_natively"]
__getattr__ = opened(__name__, __file__)
