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

`make simulate` wrote this page. It runs the real queue (store, core and the edges of its streams) in virtual time, with
1 to 1,000 processors, 1 to 100 gateways and 100,000 users. Who comes when, and how long a run takes, is drawn from
distributions (`tests/simulation/demand.py`: each number with its source, or named as assumed).

Time passes as it would for a queue that has a core of its own (`tests/simulation/virtual_time.py`): by the CPU time
that its code takes here, by what a gRPC message or call takes, which is not simulated but measured of a real queue's
process, and while a commit waits for the disk: see the table of costs. When there is nothing to do, time jumps. So a
wait holds all there is: for a slot, for commits, and for a queue that is busy with others.

![Shares in use by the number of processors, and waits by load](pictures/growth.svg)
"""
_READING = """\
## How to read it

- A processor has three slots and is given a job a second at most. At a load of 80 % it does about half a job a second.
- **The first wall is Telegram.** One bot may send 30 messages a second, whatever stands behind it. The last line of the
  table of waits shows it: processors beyond that hold finished videos that wait for their turn.
- **The second is the queue's one core.** At ten reports a second of each run the larger part of it goes to progress;
  `PROGRESS_INTERVAL_MS` moves that. With more processors than it serves, all wait for seconds, and their reports
  take a larger part. Where little happens at a time, a commit holds one call and a message wakes the queue, so a job
  costs most before the queue is busy; a core that is in use all the time is no wall yet, because commits get fuller.
  Each look for work goes over every processor that has a free slot (decision 37), so more slots per processor help.
  Several queues on one PostgreSQL share the processors; they were not simulated, and on two cores, which they share
  with the database, two are no faster than one (goal Q2).
- **The disk is farther away**: what is asked for during a commit is the next one together, so the busier it is, the
  less one costs.
- **A gateway hears only of owners who are connected there** (decisions 9 and 31): more gateways, less for each. A
  gateway to which an admin is connected follows everybody, and is the exception.
- A gateway opens its watch anew when an owner connects whom it did not follow. What that costs rises with the owners it
  names; see the table of costs.
- Turns are fair: a flood costs others the time until a slot is free, not the time until the flood is over. Finished
  videos of a flood hold slots all the same while they wait for the turn of their one chat, one a second;
  `MAX_PER_OWNER_RUNNING` keeps those slots free for others.
- Where a queue has no time left, its share is how much it would need for all that is asked for, and for all reports.
- What still waits when the counted time ends counts with what it has waited until then: of a flood, or at more than
  what the processors can do, longer waits would come.
- Counts are nearly the same in every run with the same seed, waits as far as CPU times are.
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
