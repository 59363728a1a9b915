"""docs/growth.md and its picture."""

from collections.abc import Sequence
from pathlib import Path

from tests.simulation.picture import picture
from tests.simulation.report import Findings, Table, tables

_DOCS = Path(__file__).parents[2] / "docs"
PAGE = _DOCS / "growth.md"
PICTURE = _DOCS / "pictures" / "growth.svg"
_HEAD = """\
# How it grows

`make simulate` wrote this page. It runs the real queue (store, core and the edges of its streams) on a clock that is
moved by hand, with 1 to 1,000 processors, 1 to 100 gateways and 100,000 users. Who comes when, and how long a run
takes, is drawn from distributions (`tests/simulation/demand.py`: each number with its source, or named as assumed).
Counts and waits are the same in every run with the same seed; CPU times and commits are measured on this machine. gRPC
is not simulated: 25 µs are added for each message, as measured elsewhere.

![Shares in use by the number of processors, and waits by load](pictures/growth.svg)
"""
_READING = """\
## How to read it

- A processor has three slots and is given a job a second at most. At a load of 80 % it does about half a job a second.
- **The first wall is Telegram.** One bot may send 30 messages a second, whatever stands behind it. The last line of the
  table of waits shows it: processors beyond that hold finished videos that wait for their turn.
- **The second is the queue's one core.** A part of it goes to progress, ten reports a second of each run, and
  `PROGRESS_INTERVAL_MS` moves that by its factor. The rest goes to jobs. Each look for work goes over every
  processor (decision 31 says what that costs), so more slots per processor help, and several queues on one PostgreSQL,
  each with its share of the processors.
- **The store is farther away**: what happens within one commit is written together, so the busier it is, the less one
  costs.
- **A gateway hears only of owners who are connected there** (decisions 9 and 31): more gateways, less for each. A
  gateway to which an admin is connected follows everybody, and is the exception.
- A gateway opens its watch anew when an owner connects whom it did not follow. What that costs rises with the owners it
  names; see the table of costs.
- Turns are fair: a flood costs others the time until a slot is free, not the time until the flood is over.
- **Waits are waits for a slot.** The clock stands still while the queue computes and commits. Where a wall of the
  queue stands above 100 %, real waits are longer than the table says, and less is done than is asked for.
- Left out: machines that fail, playlists and recordings, what processors tell of their memory between two jobs, the
  purge of old jobs (a row deleted for each one written), what a gateway writes to its clients (goals F1 to F7),
  PostgreSQL.
"""


def write_page(found: Findings) -> None:
    """Write both."""
    PICTURE.write_text(picture(found.outcomes, found.walls, found.by_load))
    PAGE.write_text("\n".join([_HEAD, _READING, *(_shown(table) for table in tables(found)), _when(found)]))


def _shown(table: Table) -> str:
    lines = [table.heads, ["---"] * len(table.heads), *table.lines]
    return "\n".join([f"## {table.title}", "", *(_line(line) for line in lines), ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _when(found: Findings) -> str:
    return f"Seed {found.seed}, {found.date}, {found.machine}.\n"
