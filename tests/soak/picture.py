"""A picture of a soak: a small chart for each kind of measure, a line for each process, as plain SVG."""

from collections.abc import Sequence
from html import escape

from tests.soak.series import MEASURES, Measure, Series
from tests.soak.verdict import STAND_INS

_WIDTH, _HEIGHT, _COLUMNS = 560, 230, 2
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 130, 34, 24
_COLORS = {
    "queue": "#2a7f4f",
    "queue.db": "#2a7f4f",
    "processor": "#2f6fb0",
    "tmpfs": "#2f6fb0",
    "notifier": "#b3452c",
    "gateway": "#8a5fb5",
    "gateway.db": "#8a5fb5",
    "forkserver": "#b58a1f",
}
_INK, _FAINT = "#1f2328", "#8c959f"


def picture(series: Series, warm_up_s: float) -> str:
    """Return the SVG; the warm-up is shaded. The stand-ins, which keep more than all others, are left out."""
    shown = [measure for measure in series.values if measure.of not in STAND_INS]
    kinds = [what for what in MEASURES if any(measure.what == what for measure in shown)]
    rows = -(-len(kinds) // _COLUMNS)
    charts = [
        f'<g transform="translate({number % _COLUMNS * _WIDTH} {number // _COLUMNS * _HEIGHT})">'
        f"{_chart(series, [measure for measure in shown if measure.what == what], warm_up_s)}</g>"
        for number, what in enumerate(kinds)
    ]
    size = f'width="{_WIDTH * _COLUMNS}" height="{_HEIGHT * rows}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">',
            f'<rect {size} fill="#ffffff"/>',
            *charts,
            "</svg>\n",
        ]
    )


def _chart(series: Series, measures: Sequence[Measure], warm_up_s: float) -> str:
    most = max(max(series.values[measure]) for measure in measures) * 1.05 or 1.0
    end_s = max(series.times_s[measure][-1] for measure in measures) or 1.0
    shade = _x(min(warm_up_s, end_s), end_s) - _LEFT
    parts = [
        _text(_LEFT, 20, measures[0].what, size=14),
        f'<rect x="{_LEFT}" y="{_TOP}" width="{shade:.1f}" height="{_HEIGHT - _TOP - _BOTTOM}" fill="#eef1f4"/>',
    ]
    for share in (0.0, 0.5, 1.0):
        y = _y(share, 1.0)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#d8dee4"/>')
        parts.append(_text(_LEFT - 6, y + 4, f"{share * most:.3g}", _FAINT, anchor="end"))
    parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - 8, f"{end_s / 60:.1f} min", _FAINT, anchor="end"))
    for number, measure in enumerate(measures):
        color = _COLORS.get(measure.of, _INK)
        parts.append(_curve(series.times_s[measure], series.values[measure], end_s, most, color))
        parts.append(_text(_WIDTH - _RIGHT + 10, _TOP + 10 + 16 * number, _label(series, measure), color))
    return "\n".join(parts)


def _label(series: Series, measure: Measure) -> str:
    return f"{measure.of}: {series.values[measure][-1]:.4g}"


def _curve(times_s: Sequence[float], values: Sequence[float], end_s: float, most: float, color: str) -> str:
    points = " ".join(
        f"{_x(at_s, end_s):.1f},{_y(value, most):.1f}" for at_s, value in zip(times_s, values, strict=True)
    )
    return f'<polyline points="{points}" fill="none" stroke="{color}"/>'


def _x(at_s: float, end_s: float) -> float:
    return _LEFT + at_s / end_s * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float, most: float) -> float:
    return _HEIGHT - _BOTTOM - value / most * (_HEIGHT - _TOP - _BOTTOM)


def _text(x: float, y: float, text: str, color: str = _INK, *, size: int = 11, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
    )
