"""The plain search: the whole relation within a scope, breadth first, in Python. The oracle of faster engines."""

from temper.verify.explicit.exploration import Exploration, Progress, Watch, explore
from temper.verify.explicit.search import PlainSearch, Report, search

__all__ = ["Exploration", "PlainSearch", "Progress", "Report", "Watch", "explore", "search"]
