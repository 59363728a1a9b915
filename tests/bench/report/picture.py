"""A picture of an area: how far each goal is met, as bars on a scale of ratios, as plain SVG."""

import math
import statistics
from collections.abc import Sequence
from html import escape

from tests.bench.figure import Figure, spread

_WIDTH, _LINE_HEIGHT, _TOP = 1_080, 44, 70
_BARS_LEFT, _BARS_RIGHT = 520, 800
_MOST = 8.0
"""The scale ends at this many times the goal, and at one such part of it."""
_MET, _SHORT, _INK, _FAINT = "#2a7f4f", "#b3452c", "#1f2328", "#8c959f"


def picture(area: str, figures: Sequence[Figure]) -> str:
    """Return the SVG: a bar for each figure that has a goal, from the goal's line to what was measured."""
    with_goal = [figure for figure in figures if figure.is_met is not None]
    height = _TOP + _LINE_HEIGHT * len(with_goal) + 30
    middle = _x(1.0)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(16, 28, f"{area}: how far each goal is met", size=17),
        _text(
            16, 50, "To the right of the line: better than the goal. Thin lines: the worst and the best run.", _FAINT
        ),
    ]
    for times in (0.25, 0.5, 1, 2, 4):
        color, width = (_INK, 1.5) if times == 1 else ("#d8dee4", 1)
        lines.append(_line((_x(times), _TOP - 4), (_x(times), height - 26), color, width=width))
        lines.append(_text(_x(times), height - 10, f"{times:g} ×", _FAINT, anchor="middle"))
    for number, figure in enumerate(with_goal):
        lines += _bar(figure, _TOP + _LINE_HEIGHT * number + _LINE_HEIGHT / 2, middle)
    return "\n".join([*lines, "</svg>\n"])


def _bar(figure: Figure, y: float, middle: float) -> list[str]:
    runs = sorted(times_goal(figure, value) for value in figure.values)
    end = _x(statistics.median(runs))
    color = _MET if figure.is_met else _SHORT
    verdict = "met" if figure.is_met else "falls short"
    return [
        *(
            _text(16, y - 9 + 15 * number, part, _INK if number == 0 else _FAINT, size=12)
            for number, part in enumerate((figure.name, figure.divided))
        ),
        f'<rect x="{min(middle, end):.1f}" y="{y - 8:.1f}" width="{abs(end - middle):.1f}" height="14" '
        f'fill="{color}"/>',
        _line((_x(runs[0]), y - 1), (_x(runs[-1]), y - 1), _INK),
        _text(_BARS_RIGHT + 14, y - 3, f"{spread(figure.values)}", size=12),
        _text(_BARS_RIGHT + 14, y + 12, f"goal {figure.goal}: {verdict}", color, size=12),
    ]


def times_goal(figure: Figure, value: float) -> float:
    """Return how many times better than the goal a run is."""
    if figure.is_more_better:
        return value / figure.bound
    return figure.bound / value if value > 0 else _MOST


def _x(times: float) -> float:
    bounded = min(max(times, 1 / _MOST), _MOST)
    share = (math.log(bounded) / math.log(_MOST) + 1) / 2
    return _BARS_LEFT + share * (_BARS_RIGHT - _BARS_LEFT)


def _text(x: float, y: float, text: str, color: str = _INK, *, size: int = 13, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _line(start: tuple[float, float], end: tuple[float, float], color: str, *, width: float = 1) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" stroke-width="{width}"/>'
