"""Turns what yt-dlp raises into one reason and one sentence of ours: its own text may hold an upstream body."""

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urljoin

from yt_dlp.networking.exceptions import (  # type: ignore[import-untyped]  # ships no types
    HTTPError,
    RequestError,
    TransportError,
)
from yt_dlp.utils import (  # type: ignore[import-untyped]  # ships no types
    ContentTooShortError,
    ExtractorError,
    GeoRestrictedError,
    UnsupportedError,
    UserNotLive,
)

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.confine import ConfinementError
from services.processor.adapters.messages import REFUSED_REASON, UNREACHABLE_REASON, UNRESOLVED_REASON
from services.processor.adapters.sayings import meaning

REASON_BY_STATUS = {
    401: Reason.AUTH_REQUIRED,
    402: Reason.AUTH_REQUIRED,
    403: Reason.AUTH_REQUIRED,
    404: Reason.GONE,
    410: Reason.GONE,
    429: Reason.RATE_LIMITED,
    451: Reason.GEO_BLOCKED,
}
"""Any other one: SITE_UNREACHABLE."""

_ADVICE_BY_STATUS = {
    401: "it asks for a sign-in, and nothing can be signed in here; use a page that is public",
    402: "it asks for a payment, and nothing can be paid from here; use a page that is free",
    403: "it refuses access from here; it may ask for a sign-in, or the link is over: open the page and copy it anew",
    404: "there is nothing at this address, or no longer; open it in a browser and look",
    410: "what was there is gone for good; look for it at another site",
    429: "it asks to slow down; try again later, and less often",
    451: "it may not show this here for legal reasons; look for it at another site",
}

_REASON_BY_PHRASE = {
    REFUSED_REASON: Reason.EGRESS_DENIED,
    UNRESOLVED_REASON: Reason.NAME_UNRESOLVED,
    UNREACHABLE_REASON: Reason.SITE_UNREACHABLE,
}
"""What the egress proxy says instead of a site."""

_RATE_LIMIT_WAIT_S = 300.0
"""How long a site that does not say is left alone."""

_ONLY_THE_WEB = "Only http and https addresses may be reached."
_NO_WAY_ON = "The site sends everybody on to an address that leads nowhere."
"""Of a redirect that yt-dlp does not follow: in a circle, too many, or to what is no web address."""

_SENTENCES = {
    Reason.MEMORY_BUDGET: "The memory for downloads is full.",
    Reason.SITE_UNREACHABLE: "The site could not be reached, or stopped answering.",
    Reason.EGRESS_DENIED: "The address may not be reached from here: it is not public.",
    Reason.NAME_UNRESOLVED: "A name behind the page does not resolve.",
    Reason.NO_VIDEO: "There is no video on the page.",
    Reason.SITE_UNSUPPORTED: "The page could not be read: the site is not supported, or it has changed.",
    Reason.LIVE: "The video is live or has not begun.",
    Reason.AUTH_REQUIRED: "The site asks for a sign-in, and nothing can be signed in here: use a page that is public.",
    Reason.PRIVATE: "The video is private: ask its owner to make it public, or to share it by a link that is.",
    Reason.GEO_BLOCKED: "The site does not show the video in the country of this server: look for it at another site.",
    Reason.DRM: "The video is protected against copying, and cannot be fetched from here or anywhere.",
    Reason.RATE_LIMITED: "The site asks to slow down: try again later.",
    Reason.GONE: "The video is not there any more, or never was: look at the page.",
}


_BY_TYPE: tuple[tuple[tuple[type[BaseException], ...], Reason, str], ...] = (
    ((ConfinementError,), Reason.EGRESS_DENIED, _SENTENCES[Reason.EGRESS_DENIED]),
    ((GeoRestrictedError,), Reason.GEO_BLOCKED, _SENTENCES[Reason.GEO_BLOCKED]),
    ((UserNotLive,), Reason.NO_VIDEO, "Nothing is live on this page now: try again when it is."),
    ((UnsupportedError,), Reason.NO_VIDEO, _SENTENCES[Reason.NO_VIDEO]),
    ((MemoryError,), Reason.SITE_UNSUPPORTED, "The page needs more memory than a downloader may use."),
    ((RecursionError,), Reason.SITE_UNSUPPORTED, _NO_WAY_ON),
)
"""What stands for a reason whatever it says."""

_STUMBLES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What yt-dlp raises over a page that it did not expect. It would do so again."""


@dataclass(frozen=True, kw_only=True)
class Progressed:
    """How far a job was when it failed."""

    is_downloading: bool
    is_fragmented: bool
    done_bytes: int
    limit_bytes: int
    """0 while the page is looked at."""


def classify(error: BaseException, progressed: Progressed) -> ClipferryError:
    """Return what `error` means."""
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, ClipferryError):
            return link
    found = _first(chain, _by_status, progressed) or _first(chain, _by_type, progressed)
    found = found or _by_text(" ".join(str(link) for link in chain), progressed)
    is_unread = not progressed.limit_bytes and isinstance(error, _STUMBLES)
    if found is None and (is_unread or any(isinstance(link, ExtractorError) for link in chain)):
        found = _say(Reason.SITE_UNSUPPORTED)
    if progressed.is_downloading and (found is None or found.reason in {Reason.SITE_UNREACHABLE, Reason.GONE}):
        return _interrupted(progressed, found)
    return found or ClipferryError(Reason.CHILD_CRASHED, f"The downloader failed with {type(error).__name__}.")


_Rule: TypeAlias = Callable[[BaseException, Progressed], ClipferryError | None]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        link = pending.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        exc_info = getattr(link, "exc_info", None)
        pending += [exc_info[1] if exc_info else None, getattr(link, "cause", None), getattr(link, "reason", None)]
        pending += [link.__cause__, link.__context__, *getattr(link, "unexpected_errors", ())]


def _first(chain: list[BaseException], rule: _Rule, progressed: Progressed) -> ClipferryError | None:
    return next(filter(None, (rule(link, progressed) for link in chain)), None)


def _by_status(link: BaseException, progressed: Progressed) -> ClipferryError | None:
    if not isinstance(link, HTTPError):
        return None
    status = int(link.status)
    if link.reason in _REASON_BY_PHRASE:
        return _say(_REASON_BY_PHRASE[link.reason])
    if 300 <= status < 400 and not _leads_to_the_web(link.response):
        return ClipferryError(Reason.EGRESS_DENIED, _ONLY_THE_WEB)
    if 300 <= status < 400:
        return ClipferryError(Reason.SITE_UNSUPPORTED, _NO_WAY_ON, http_status=status)
    reason = REASON_BY_STATUS.get(status, Reason.SITE_UNREACHABLE)
    if progressed.is_fragmented and reason is not Reason.RATE_LIMITED:
        return _missing(f"A part of the video was refused with HTTP {status}.", progressed, http_status=status)
    retry_after = link.response.headers.get("Retry-After") or ""
    is_later = status in {429, 503} and retry_after.isdigit()
    wait_s = float(retry_after) if is_later else _RATE_LIMIT_WAIT_S if reason is Reason.RATE_LIMITED else None
    return ClipferryError(reason, status_sentence(status), retry_after_s=wait_s, http_status=status)


def _leads_to_the_web(response: Any) -> bool:
    target = urljoin(str(response.url), str(response.headers.get("Location") or ""))
    return target.lower().startswith(("http://", "https://"))


def status_sentence(status: int) -> str:
    """Return what an HTTP status of a site means, and what a person can do about it."""
    advice = "it has a fault of its own; try again later" if status >= 500 else "open it in a browser to see why"
    return f"The site answered HTTP {status}: {_ADVICE_BY_STATUS.get(status, advice)}."


def _by_type(link: BaseException, progressed: Progressed) -> ClipferryError | None:
    if isinstance(link, OSError) and link.errno in {errno.EFBIG, errno.ENOSPC}:
        return too_large(progressed) if link.errno == errno.EFBIG else _say(Reason.MEMORY_BUDGET)
    if isinstance(link, ContentTooShortError):
        return _missing("The site closed the connection before the end of the video.", progressed)
    if isinstance(link, TransportError):
        said = next((reason for phrase, reason in _REASON_BY_PHRASE.items() if phrase in str(link)), None)
        return _say(said or Reason.SITE_UNREACHABLE)
    if isinstance(link, RequestError) and _names_no_web_address(link):
        return ClipferryError(Reason.EGRESS_DENIED, _ONLY_THE_WEB)
    found = next(((reason, text) for types, reason, text in _BY_TYPE if isinstance(link, types)), None)
    return ClipferryError(*found) if found else None


def _names_no_web_address(link: RequestError) -> bool:
    # What a handler stumbled over, such as memory, is wrapped into "no handler" too.
    is_stumble = bool(getattr(link, "unexpected_errors", ()))
    return not is_stumble and ("url scheme" in str(link) or "file://" in str(link))


def _by_text(text: str, progressed: Progressed) -> ClipferryError | None:
    said = next((reason for phrase, reason in _REASON_BY_PHRASE.items() if phrase in text), None)
    reason = said or meaning(text)
    if reason is Reason.VIDEO_TOO_LARGE:
        return too_large(progressed)
    return None if reason is None else _say(reason)


def _say(reason: Reason) -> ClipferryError:
    retry_after_s = _RATE_LIMIT_WAIT_S if reason is Reason.RATE_LIMITED else None
    return ClipferryError(reason, _SENTENCES.get(reason, ""), retry_after_s=retry_after_s)


def _interrupted(progressed: Progressed, found: ClipferryError | None) -> ClipferryError:
    if progressed.done_bytes or progressed.is_fragmented:
        return _missing("The site did not deliver the whole video.", progressed)
    return found or ClipferryError(Reason.SITE_UNREACHABLE, "The site did not deliver the video.")


def _missing(message: str, progressed: Progressed, **numbers: int) -> ClipferryError:
    return ClipferryError(Reason.INCOMPLETE, message, done_bytes=progressed.done_bytes, **numbers)


def too_large(progressed: Progressed) -> ClipferryError:
    """Return the error for a download that grew over its limit."""
    return video_too_large(max(progressed.done_bytes, progressed.limit_bytes + 1), progressed.limit_bytes)


def video_too_large(size_bytes: int, limit_bytes: int) -> ClipferryError:
    """Return the error for a video over the limit."""
    return ClipferryError(
        Reason.VIDEO_TOO_LARGE,
        f"The video has at least {size_bytes} bytes; the limit is {limit_bytes} bytes.",
        size_bytes=size_bytes,
        limit_bytes=limit_bytes,
    )
