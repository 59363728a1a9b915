"""The picture of docs/growth.md, as plain SVG: what is needed at each scale, and how long people wait."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from tests.simulation.outcome import Outcome
from tests.simulation.walls import Wall

_WIDTH, _HEIGHT = 1_080, 520
_INK, _FAINT, _GRID, _FULL = "#1f2328", "#6e7781", "#d8dee4", "#b3452c"
_COLORS = ("#b3452c", "#0969da", "#2a7f4f", "#8250df", "#bf8700", "#57606a")
_LABEL_HEIGHT = 17


class _Panel(NamedTuple):
    """Two scales, both logarithmic but for `x` of `is_even`."""

    left: float
    right: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    is_even: bool = False
    top: float = 96
    bottom: float = _HEIGHT - 60

    def at(self, x: float, y: float) -> tuple[float, float]:
        x_part = _part(x, self.x_range) if self.is_even else _part(math.log(x), _logs(self.x_range))
        y_part = _part(math.log(max(y, self.y_range[0])), _logs(self.y_range))
        return self.left + x_part * (self.right - self.left), self.bottom - y_part * (self.bottom - self.top)


def picture(outcomes: Sequence[Outcome], found: Sequence[Wall], by_load: Sequence[Outcome]) -> str:
    """Return the SVG.

    Args:
        outcomes: By scale.
        found: The walls that stand in their way.
        by_load: At one scale, by load.
    """
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
            f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
            *_needed(outcomes, found),
            *_waits(by_load),
            "</svg>\n",
        ]
    )


def _needed(outcomes: Sequence[Outcome], found: Sequence[Wall]) -> list[str]:
    scales = [outcome.scenario.processors for outcome in outcomes]
    panel = _Panel(64, 440, (scales[0], scales[-1]), (0.001, 30))
    lines = [
        _text((16, 28), "What is needed of each thing of which there is one", size=16),
        _text((16, 50), "Share in use, by the number of processors; at the red line it is all of it.", _FAINT),
    ]
    for share in (0.001, 0.01, 0.1, 1, 10):
        color = _FULL if share == 1 else _GRID
        lines.append(_line(panel.at(scales[0], share), panel.at(scales[-1], share), color))
        x, y = panel.at(scales[0], share)
        lines.append(_text((x - 8, y + 4), f"{share:.0%}" if share >= 0.01 else "0.1%", _FAINT, anchor="end"))
    lines += [
        _text((panel.at(scale, 1)[0], panel.bottom + 20), f"{scale:,}", _FAINT, anchor="middle") for scale in scales
    ]
    lines.append(_text((250, panel.bottom + 40), "processors", _FAINT, anchor="middle"))
    label_y = panel.top - _LABEL_HEIGHT
    for wall, color in sorted(zip(found, _COLORS, strict=True), key=lambda each: -each[0].shares[-1]):
        points = [panel.at(scale, share) for scale, share in zip(scales, wall.shares, strict=True)]
        lines.append(_path(points, color))
        label_y = max(label_y + _LABEL_HEIGHT, points[-1][1])
        lines.append(_line(points[-1], (panel.right + 14, label_y), color))
        lines.append(_text((panel.right + 18, label_y + 4), wall.name, color))
    return lines


def _waits(by_load: Sequence[Outcome]) -> list[str]:
    loads = [outcome.scenario.load for outcome in by_load]
    panel = _Panel(760, 1_010, (loads[0], loads[-1]), (0.001, 100), is_even=True)
    lines = [
        _text((730, 28), f"How long a job waits, {by_load[0].scenario.processors} processors", size=16),
        _text((730, 50), "Seconds from submit to assignment, by load.", _FAINT),
    ]
    for wait_s in (0.001, 0.01, 0.1, 1, 10, 100):
        lines.append(_line(panel.at(loads[0], wait_s), panel.at(loads[-1], wait_s), _GRID))
        x, y = panel.at(loads[0], wait_s)
        lines.append(_text((x - 8, y + 4), f"{wait_s:g}", _FAINT, anchor="end"))
    lines += [
        _text((panel.at(load, 1)[0], panel.bottom + 20), f"{load:.0%}", _FAINT, anchor="middle") for load in loads
    ]
    lines.append(_text((885, panel.bottom + 40), "of what the processors can do", _FAINT, anchor="middle"))
    label_y = panel.top
    for number, name in reversed(list(enumerate(("p50", "p95", "p99")))):
        points = [panel.at(load, outcome.wait_s[number]) for load, outcome in zip(loads, by_load, strict=True)]
        lines.append(_path(points, _COLORS[number + 1]))
        label_y = max(label_y + _LABEL_HEIGHT, points[-1][1])
        lines.append(_text((panel.right + 8, label_y + 4), name, _COLORS[number + 1]))
    return lines


def _part(value: float, ends: tuple[float, float]) -> float:
    return (value - ends[0]) / (ends[1] - ends[0])


def _logs(ends: tuple[float, float]) -> tuple[float, float]:
    return math.log(ends[0]), math.log(ends[1])


def _path(points: Sequence[tuple[float, float]], color: str) -> str:
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{drawn}" fill="none" stroke="{color}" stroke-width="2"/>'


def _line(start: tuple[float, float], end: tuple[float, float], color: str) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"/>'


def _text(at: tuple[float, float], text: str, color: str = _INK, *, size: int = 12, anchor: str = "start") -> str:
    x, y = at
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
    )
