"""How much a system can carry: the real runtime under a load, in virtual time, and how long everything waits."""

from typing import TYPE_CHECKING

from temper.door import opened

if TYPE_CHECKING:
    from temper.load.figures import EffectFigures, EntityFigures, Figures, figures_json
    from temper.load.fitting import fitted
    from temper.load.forecasting import forecast
    from temper.load.picture import backlog_lines, backlog_svg
    from temper.load.plan import LoadPlan, read_plan

__all__ = [
    "EffectFigures",
    "EntityFigures",
    "Figures",
    "LoadPlan",
    "backlog_lines",
    "backlog_svg",
    "figures_json",
    "fitted",
    "forecast",
    "read_plan",
]

__getattr__ = opened(__name__, __file__)
