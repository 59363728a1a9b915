"""`docs/states.svg`: the arrows are what the code decides, only their places are made by hand.

The two states in which a worker holds the job are tall, and all others stand between them, so that no arrow crosses
another.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

from services.queue.core.job import ACTIVE, WAITING, State
from tests.states import Label, arrows

_WIDTH, _HEIGHT = 1060, 700
_TOP, _BOTTOM = 28, 672
_LEFT, _RIGHT = (24, 184), (876, 1036)
"""Of the tall boxes, from x to x."""
_MIDDLE = (446, 614)
_BOX_HEIGHT = 56


class _Box(NamedTuple):
    """x and y are of the left upper corner."""

    x: int
    y: int
    width: int
    height: int


def _in_the_middle(centre_y: int) -> _Box:
    return _Box(_MIDDLE[0], centre_y - _BOX_HEIGHT // 2, _MIDDLE[1] - _MIDDLE[0], _BOX_HEIGHT)


BOXES: Mapping[State, _Box] = {
    State.PROCESSING: _Box(_LEFT[0], _TOP, _LEFT[1] - _LEFT[0], _BOTTOM - _TOP),
    State.SENDING: _Box(_RIGHT[0], _TOP, _RIGHT[1] - _RIGHT[0], _BOTTOM - _TOP),
    State.FAILED: _in_the_middle(72),
    State.QUEUED: _in_the_middle(202),
    State.CANCELLED: _in_the_middle(332),
    State.RETRY_WAIT: _in_the_middle(462),
    State.COMPLETED: _in_the_middle(632),
}


class _Line(NamedTuple):
    """From point to point. Words stand above it, or to the right of it where it goes up or down."""

    x1: int
    y1: int
    x2: int
    y2: int


def _from_left(y: int) -> _Line:
    return _Line(_LEFT[1], y, _MIDDLE[0], y)


def _to_left(y: int) -> _Line:
    return _Line(_MIDDLE[0], y, _LEFT[1], y)


def _from_right(y: int) -> _Line:
    return _Line(_RIGHT[0], y, _MIDDLE[1], y)


_CENTRE_X = sum(_MIDDLE) // 2

LINES: Mapping[tuple[State, State], _Line] = {
    (State.PROCESSING, State.FAILED): _from_left(72),
    (State.PROCESSING, State.QUEUED): _from_left(218),
    (State.PROCESSING, State.CANCELLED): _from_left(332),
    (State.PROCESSING, State.RETRY_WAIT): _from_left(478),
    (State.PROCESSING, State.SENDING): _Line(_LEFT[1], 552, _RIGHT[0], 552),
    (State.PROCESSING, State.COMPLETED): _from_left(632),
    (State.SENDING, State.FAILED): _from_right(72),
    (State.SENDING, State.QUEUED): _from_right(202),
    (State.SENDING, State.CANCELLED): _from_right(332),
    (State.SENDING, State.RETRY_WAIT): _from_right(462),
    (State.SENDING, State.COMPLETED): _from_right(632),
    (State.QUEUED, State.PROCESSING): _to_left(186),
    (State.RETRY_WAIT, State.PROCESSING): _to_left(446),
    (State.FAILED, State.QUEUED): _Line(_CENTRE_X, 100, _CENTRE_X, 174),
    (State.QUEUED, State.CANCELLED): _Line(_CENTRE_X - 34, 230, _CENTRE_X - 34, 304),
    (State.CANCELLED, State.QUEUED): _Line(_CENTRE_X + 34, 304, _CENTRE_X + 34, 230),
    (State.RETRY_WAIT, State.CANCELLED): _Line(_CENTRE_X, 434, _CENTRE_X, 360),
}

_STYLE = """
  text { font: 13px ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: #3a4350; }
  .state { font-weight: 600; font-size: 14px; letter-spacing: .04em; fill: #1f2630; }
  .small { font-size: 11.5px; fill: #6b7685; }
  rect { stroke-width: 1.25; }
  .page { fill: #ffffff; stroke: none; }
  .waiting { fill: #eef3fa; stroke: #a9bdd8; }
  .active { fill: #fbf5e9; stroke: #d9c393; }
  .good { fill: #edf6f0; stroke: #9fc7ae; }
  .ended { fill: #f4f4f5; stroke: #bfc3c9; }
  path { fill: none; stroke: #7b8694; stroke-width: 1.25; marker-end: url(#head); }
  marker path { fill: #7b8694; stroke: none; marker-end: none; }
""".strip("\n")


def picture() -> str:
    """Return `docs/states.svg`.

    Raises:
        ValueError: If the code has an arrow that has no place here, or the other way round.
    """
    made = arrows()
    moves = {pair: labels for pair, labels in made.items() if pair[0] is not pair[1]}
    if moves.keys() != LINES.keys():
        raise ValueError(f"these arrows are either in the code or in the picture: {moves.keys() ^ LINES.keys()}")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        ' aria-label="The states of a job and the calls between them">',
        "<style>",
        _STYLE,
        "</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto"><path d="M0 0.8 L8 4 L0 7.2 Z"/></marker></defs>',
        f'<rect class="page" width="{_WIDTH}" height="{_HEIGHT}" rx="10"/>',
    ]
    for state, box in BOXES.items():
        parts += _drawn_box(state, box, made.get((state, state), ()))
    for pair, labels in moves.items():
        parts += _drawn_line(LINES[pair], labels)
    parts += _beginning()
    return "\n".join([*parts, "</svg>"]) + "\n"


def _drawn_box(state: State, box: _Box, stays: Sequence[Label]) -> Iterator[str]:
    kind = "waiting" if state in WAITING else "active" if state in ACTIVE else "ended"
    if state is State.COMPLETED:
        kind = "good"
    x, y = box.x + box.width // 2, box.y + box.height // 2 + 5
    yield f'<rect class="{kind}" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="8"/>'
    yield _text(x, y, state, kind="state")
    for row, name in enumerate(name for label in stays for name in label.names):
        yield _text(x, y + 26 + 17 * row, name, kind="small")


def _drawn_line(line: _Line, labels: Sequence[Label]) -> Iterator[str]:
    yield f'<path d="M{line.x1} {line.y1} L{line.x2} {line.y2}"/>'
    x, y = (line.x1 + line.x2) // 2, (line.y1 + line.y2) // 2
    if line.x1 == line.x2:
        beside, anchor = (-9, "end") if x < _CENTRE_X else (9, "start")
        yield _text(x + beside, y + 4, "; ".join(map(str, labels)), anchor)
    elif len(labels) == 1 and labels[0].condition:
        yield _text(x, y - 8, ", ".join(labels[0].names))
        yield _text(x, y + 17, labels[0].condition, kind="small")
    else:
        for row, label in enumerate(reversed(labels)):
            yield _text(x, y - 8 - 17 * row, str(label))


def _text(x: int, y: int, words: str, anchor: str = "middle", kind: str = "plain") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'


def _beginning() -> Iterator[str]:
    x, y = _MIDDLE[1] - 30, 174
    yield f'<circle cx="{x}" cy="{y - 48}" r="5" fill="#3a4350"/>'
    yield f'<path d="M{x} {y - 43} L{x} {y}"/>'
    yield _text(x + 9, y - 24, "submit", "start")
