"""What piled up over time, as a picture: blocks for a terminal, SVG for a page."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from html import escape

from temper.load.figures import EffectFigures, Figures
from temper.machine import show_duration

BLOCKS = " ▁▂▃▄▅▆▇█"
WIDTH, HEIGHT = 72, 6
PLOT_WIDTH, PLOT_HEIGHT, MARGIN = 760, 120, 50


def backlog_lines(figures: Figures, width: int = WIDTH, height: int = HEIGHT) -> Iterator[str]:
    """For each effect that anything waited for: how many were pending, over the time of the run."""
    for effect in _piled(figures):
        yield f"{effect.name}: pending"
        drawn, most = columns_of(effect.series, width), max(effect.series)
        for row in range(height, 0, -1):
            label = f"{most:,}" if row == height else "0" if row == 1 else ""
            cells = "".join(_block(value, most, row, height) for value in drawn)
            yield f"{label:>8} │{cells}".rstrip()
        whole = show_duration(figures.whole_milliseconds)
        yield f"{'':>8} └{'─' * len(drawn)}"
        yield f"{'':>9} 0{whole:>{len(drawn) - 1}}"


def backlog_svg(figures: Figures) -> str:
    """The same as SVG, one plot below the other."""
    effects = _piled(figures)
    height = (PLOT_HEIGHT + MARGIN) * max(1, len(effects)) + MARGIN // 2
    size, look = f'width="{PLOT_WIDTH + 2 * MARGIN}" height="{height}"', 'font-family="sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {look} fill="#333">',
        f'<rect width="100%" height="100%" fill="#fff"/><title>{escape("pending deliveries over time")}</title>',
    ]
    if not effects:
        parts.append(f'<text x="{MARGIN}" y="{MARGIN}">nothing ever waited</text>')
    for number, effect in enumerate(effects):
        parts.append(_plot(effect, figures, MARGIN // 2 + number * (PLOT_HEIGHT + MARGIN)))
    return "\n".join([*parts, "</svg>", ""])


def columns_of(series: Sequence[int], width: int) -> list[int]:
    """So many columns, each the most of the samples it stands for, so that no peak is lost.

    >>> columns_of([1, 9, 2, 3], 2)
    [9, 3]
    """
    if len(series) <= width:
        return list(series)
    edges = [number * len(series) // width for number in range(width + 1)]
    return [max(series[begin:end]) for begin, end in itertools.pairwise(edges)]


def _piled(figures: Figures) -> list[EffectFigures]:
    return [effect for effect in figures.effects.values() if max(effect.series, default=0)]


def _block(value: int, most: int, row: int, height: int) -> str:
    eighths = round(value / most * height * 8) - (row - 1) * 8
    if eighths <= 0:
        return "▁" if row == 1 and value else " "
    return BLOCKS[min(8, eighths)]


def _plot(effect: EffectFigures, figures: Figures, top: int) -> str:
    most, series = max(effect.series), effect.series
    bottom, right = top + 20 + PLOT_HEIGHT, MARGIN + PLOT_WIDTH
    across = PLOT_WIDTH / max(1, len(series) - 1)
    points = " ".join(
        f"{MARGIN + index * across:.1f},{bottom - value / most * PLOT_HEIGHT:.1f}" for index, value in enumerate(series)
    )
    whole = show_duration(figures.whole_milliseconds)
    return "\n".join(
        [
            f'<text x="{MARGIN}" y="{top + 12}" font-weight="bold">{escape(effect.name)}: pending</text>',
            f'<polygon points="{MARGIN},{bottom} {points} {right},{bottom}" fill="#9cf" stroke="none"/>',
            f'<polyline points="{points}" fill="none" stroke="#059" stroke-width="1.5"/>',
            f'<path d="M{MARGIN},{top + 20} V{bottom} H{right}" fill="none" stroke="#333"/>',
            f'<text x="{MARGIN - 6}" y="{top + 24}" text-anchor="end">{most:,}</text>',
            f'<text x="{MARGIN - 6}" y="{bottom}" text-anchor="end">0</text>',
            f'<text x="{right}" y="{bottom + 15}" text-anchor="end">{escape(whole)}</text>',
        ]
    )
