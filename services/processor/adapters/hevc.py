"""The name under which Apple's players know HEVC in an mp4: they show nothing of what is called ``hev1``."""

import os
from collections.abc import Iterator
from pathlib import Path

from services.processor.adapters.mp4 import VISUAL_ENTRY_BYTES, Box, NotMp4Error, child_boxes, find_moov, top_boxes

_CONTAINERS = frozenset({"trak", "mdia", "minf", "stbl"})
_ARRAY_COUNT_AT = 22
"""In the decoder configuration record (ISO/IEC 14496-15, 8.3.3.1.2)."""


def call_hvc1(path: Path) -> None:
    """Rename HEVC from ``hev1`` to ``hvc1``, in place: four bytes.

    Only where the parameter sets are in the index, which is what the name says; a file that is no mp4 stays as it is.
    """
    with path.open("r+b") as file:
        fd = file.fileno()
        try:
            boxes = top_boxes(fd)
            moov = find_moov(fd, boxes)
            start = next(box.start for box in boxes if box.kind == "moov")
            root = Box("moov", 0, len(moov), 16 if moov[:4] == b"\0\0\0\1" else 8)
            renamed = [entry for entry in _entries(moov, root) if _can_be_renamed(moov, entry)]
        except NotMp4Error:
            return
        for entry in renamed:
            os.pwrite(fd, b"hvc1", start + entry.start + 4)


def _entries(moov: bytes, parent: Box) -> Iterator[Box]:
    for box in child_boxes(moov, parent):
        if box.kind in _CONTAINERS:
            yield from _entries(moov, box)
        elif box.kind == "stsd":
            yield from child_boxes(moov, box, skip=8)


def _can_be_renamed(moov: bytes, entry: Box) -> bool:
    if entry.kind != "hev1":
        return False
    boxes = child_boxes(moov, entry, skip=VISUAL_ENTRY_BYTES - 8)
    config = next((box for box in boxes if box.kind == "hvcC"), None)
    return config is not None and config.size > config.header + _ARRAY_COUNT_AT and _has_sets(moov, config)


def _has_sets(moov: bytes, config: Box) -> bool:
    # One array each for video, sequence and picture.
    return moov[config.start + config.header + _ARRAY_COUNT_AT] >= 3
