"""What a job holds on tmpfs at most, deleted files that are still open included."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from services.chassis.lifecycle import background

_EVERY_S = 0.005
_BLOCK_BYTES = 512


@dataclass
class Footprint:
    """The most that was seen."""

    peak_bytes: int = 0


@asynccontextmanager
async def footprint(directory: Path, pid: int) -> AsyncIterator[Footprint]:
    """Look at the files in `directory`, and at those of it that process `pid` holds open, while the block runs."""
    found = Footprint()
    async with background(_look(found, directory, pid), name="footprint"):
        yield found


async def _look(found: Footprint, directory: Path, pid: int) -> None:
    while True:
        found.peak_bytes = max(found.peak_bytes, held_bytes(directory, pid))
        await asyncio.sleep(_EVERY_S)


def held_bytes(directory: Path, pid: int) -> int:
    """Return the bytes of the files in `directory`, and of those of it that process `pid` holds open."""
    return sum(dict(_files(directory, pid)).values())


def _files(directory: Path, pid: int) -> Iterator[tuple[int, int]]:
    """Yield inode and bytes of each file, some of them twice."""
    for folder, _, names in os.walk(directory):
        for name in names:
            yield from _size(Path(folder, name), follows=False)
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            is_ours = descriptor.readlink().is_relative_to(directory)
        except OSError:
            continue
        if is_ours:
            yield from _size(descriptor, follows=True)


def _size(path: Path, *, follows: bool) -> Iterator[tuple[int, int]]:
    try:
        status = path.stat(follow_symlinks=follows)
    except OSError:  # gone meanwhile
        return
    yield status.st_ino, allocated_bytes(status)


def allocated_bytes(status: os.stat_result) -> int:
    """Return the bytes that a file takes up, which are whole blocks."""
    return status.st_blocks * _BLOCK_BYTES
