"""Names the page in what went wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.chassis.errors import ClipferryError

_SHOWN_LENGTH = 200


@contextmanager
def naming_page(url: str) -> Iterator[None]:
    """Add the page that was asked for to each error of the block: in its sentence and, as `url`, in its metadata.

    Only what the caller sent is named, never where the page led: that would tell of the network behind the guard.
    """
    try:
        yield
    except ClipferryError as error:
        shown = url if len(url) <= _SHOWN_LENGTH else f"{url[:_SHOWN_LENGTH]}…"
        raise ClipferryError(
            error.reason,
            f"{error.message.removesuffix('.')} ({shown}).",
            retry_after_s=error.retry_after_s,
            **error.metadata | {"url": shown},
        ) from error
