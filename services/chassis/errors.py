"""The one table of reasons, and the one exception that carries them."""

import enum


class Kind(enum.Enum):
    """What a caller can do about an error."""

    INVALID = "invalid"  #: never succeeds as sent
    UNAUTHENTICATED = "unauthenticated"  #: say who you are
    DENIED = "denied"  #: not for you
    NOT_FOUND = "not_found"  #: no such thing, or not yours
    WRONG_STATE = "wrong_state"  #: not while things are as they are
    LOST = "lost"  #: somebody else came first
    TOO_OLD = "too_old"  #: start again from a newer point
    EXHAUSTED = "exhausted"  #: over a limit; later, or less of it
    UNAVAILABLE = "unavailable"  #: try again later
    DAMAGED = "damaged"  #: bytes went wrong on the way
    UNKNOWN = "unknown"  #: may have happened; do not repeat blindly
    UNIMPLEMENTED = "unimplemented"  #: not built
    INTERNAL = "internal"  #: our bug


class Reason(enum.Enum):
    """Every reason there is: what a caller can do, whether another run of a job may help, and what it says by default.

    The names are stable and appear in gRPC ErrorInfo, in problem+json, and in a failed job's error.
    `docs/reasons.md` is this table for people; a test holds the two together.
    """

    kind: Kind
    retryable: bool
    text: str

    def __init__(self, kind: Kind, retryable: bool, text: str) -> None:
        self.kind = kind
        self.retryable = retryable
        self.text = text

    # Requests
    FIELD_INVALID = (Kind.INVALID, False, "A field has a value that is not allowed.")
    REQUEST_ID_REUSED = (Kind.INVALID, False, "The request id was used before for something else.")
    UNAUTHENTICATED = (Kind.UNAUTHENTICATED, False, "The credentials are missing or not valid.")
    TOKEN_EXPIRED = (Kind.UNAUTHENTICATED, False, "The token has expired.")
    PERMISSION_DENIED = (Kind.DENIED, False, "The caller may not do this.")
    JOB_NOT_FOUND = (Kind.NOT_FOUND, False, "There is no such job.")
    ROUTE_NOT_FOUND = (Kind.NOT_FOUND, False, "There is nothing at this address.")
    USER_NOT_FOUND = (Kind.NOT_FOUND, False, "There is no such user.")
    KEY_NOT_FOUND = (Kind.NOT_FOUND, False, "There is no such API key.")
    CODE_NOT_FOUND = (Kind.NOT_FOUND, False, "There is no such pairing code; it may have been used.")
    SESSION_NOT_FOUND = (Kind.NOT_FOUND, False, "There is no such session; it may have ended.")
    METHOD_NOT_ALLOWED = (Kind.INVALID, False, "This address does not take this method.")
    REQUEST_UNREADABLE = (Kind.INVALID, False, "This is not HTTP/1.1 as RFC 9112 has it.")
    HEAD_TOO_LARGE = (Kind.INVALID, False, "The address and the headers are larger than is accepted.")
    PARAMETER_UNKNOWN = (Kind.INVALID, False, "This address does not take this query parameter.")
    BODY_INVALID = (Kind.INVALID, False, "The body is not valid JSON.")
    BODY_TOO_LARGE = (Kind.INVALID, False, "The body is larger than is accepted.")
    MEDIA_TYPE_UNSUPPORTED = (Kind.INVALID, False, "The body must be JSON, as it is, without compression.")
    IDEMPOTENCY_KEY_INVALID = (Kind.INVALID, False, "The Idempotency-Key is not one that can be remembered.")
    REQUEST_IN_FLIGHT = (Kind.LOST, True, "The first request with this Idempotency-Key is still being answered.")
    TOO_MANY_REQUESTS = (Kind.EXHAUSTED, True, "This is asked for too often.")
    QUOTA_EXCEEDED = (Kind.EXHAUSTED, True, "The quota of the day is used up.")
    UNIMPLEMENTED = (Kind.UNIMPLEMENTED, False, "This call is not built yet.")
    INTERNAL = (Kind.INTERNAL, True, "Something went wrong inside clipferry.")

    # Queue
    QUEUE_FULL = (Kind.EXHAUSTED, True, "The queue is full.")
    OWNER_QUEUE_FULL = (Kind.EXHAUSTED, True, "This owner has too many waiting jobs.")
    STATE_QUEUED = (Kind.WRONG_STATE, False, "The job is queued.")
    STATE_PROCESSING = (Kind.WRONG_STATE, False, "The job is being processed.")
    STATE_SENDING = (Kind.WRONG_STATE, False, "The job is being sent.")
    STATE_RETRY_WAIT = (Kind.WRONG_STATE, False, "The job waits for its next run.")
    STATE_COMPLETED = (Kind.WRONG_STATE, False, "The job is completed.")
    STATE_FAILED = (Kind.WRONG_STATE, False, "The job has failed.")
    STATE_CANCELLED = (Kind.WRONG_STATE, False, "The job is cancelled.")
    LEASE_LOST = (Kind.LOST, False, "The run is over or belongs to another worker.")
    LEASE_EXPIRED = (Kind.LOST, True, "The worker fell silent.")
    CANCEL_REQUESTED = (Kind.LOST, False, "The job's owner cancelled it first.")
    CANCELLED = (Kind.LOST, False, "The job was cancelled.")
    CURSOR_EXPIRED = (Kind.TOO_OLD, False, "The cursor is older than the log; list again.")
    SLOW_CONSUMER = (Kind.EXHAUSTED, True, "The watcher reads too slowly; resume from its cursor.")
    STORE_UNAVAILABLE = (Kind.UNAVAILABLE, True, "The database cannot be used at the moment.")
    UNAVAILABLE = (Kind.UNAVAILABLE, True, "A service cannot be reached.")
    SHUTTING_DOWN = (Kind.UNAVAILABLE, True, "The service is stopping.")

    # Processor
    MEMORY_BUDGET = (Kind.EXHAUSTED, True, "There is not enough memory for this now.")
    NO_PROCESSOR = (Kind.UNAVAILABLE, True, "No processor is connected.")
    PROBE_BUSY = (Kind.EXHAUSTED, True, "Another probe is running.")
    EGRESS_DENIED = (Kind.WRONG_STATE, False, "The address may not be reached from here.")
    NAME_UNRESOLVED = (Kind.WRONG_STATE, False, "The site's name does not resolve.")
    SITE_UNSUPPORTED = (Kind.WRONG_STATE, False, "This site is not supported.")
    SITE_UNREACHABLE = (Kind.WRONG_STATE, True, "The site could not be reached.")
    NO_VIDEO = (Kind.WRONG_STATE, False, "There is no video on the page.")
    GONE = (Kind.WRONG_STATE, False, "The page or its video does not exist.")
    PRIVATE = (Kind.WRONG_STATE, False, "The video is private.")
    AUTH_REQUIRED = (Kind.WRONG_STATE, False, "The site asks for a sign-in.")
    GEO_BLOCKED = (Kind.WRONG_STATE, False, "The site does not show the video in this country.")
    DRM = (Kind.WRONG_STATE, False, "The video is protected against copying.")
    RATE_LIMITED = (Kind.WRONG_STATE, True, "The site asks to slow down.")
    LIVE = (Kind.WRONG_STATE, False, "The video is live; say allow_live to record it.")
    PLAYLIST_NEEDS_CONFIRM = (Kind.WRONG_STATE, False, "The page is a list; say which item.")
    DURATION_TOO_LONG = (Kind.WRONG_STATE, False, "The video is longer than was asked for.")
    VIDEO_TOO_LARGE = (Kind.WRONG_STATE, False, "The video is larger than may be sent.")
    INCOMPLETE = (Kind.WRONG_STATE, True, "The site did not deliver the whole video.")
    UNPLAYABLE = (Kind.WRONG_STATE, False, "What the site delivered is not a video that can be played.")
    STALLED = (Kind.UNAVAILABLE, True, "No bytes arrived for too long.")
    TIMED_OUT = (Kind.UNAVAILABLE, True, "The run took longer than it may.")
    CHILD_CRASHED = (Kind.INTERNAL, True, "The downloader crashed.")

    # Notifier
    TELEGRAM_FLOOD = (Kind.EXHAUSTED, True, "Telegram asks to slow down.")
    TELEGRAM_REJECTED = (Kind.WRONG_STATE, False, "Telegram refused the message.")
    TELEGRAM_UNREACHABLE = (Kind.UNAVAILABLE, True, "Telegram cannot be reached; nothing was sent.")
    CHAT_UNAVAILABLE = (Kind.WRONG_STATE, False, "The chat does not exist, or the bot may not write to it.")
    CHECKSUM_MISMATCH = (Kind.DAMAGED, True, "The file was damaged on the way; nothing was sent.")
    DELIVERY_UNKNOWN = (Kind.UNKNOWN, False, "The message may have been sent; check the chat before sending again.")


class ClipferryError(Exception):
    """Something that a caller or a person should know about, with a reason and the numbers behind it.

    Args:
        reason: Row of the table.
        message: One sentence that names the value and the limit. Default: the reason's own text. Never an upstream
            body, a secret or a stack trace: it is shown to users.
        retry_after_s: When trying again makes sense, in seconds.
        metadata: Numbers and names behind the message, such as ``size_bytes=1, limit_bytes=2``.
    """

    def __init__(
        self, reason: Reason, message: str = "", *, retry_after_s: float | None = None, **metadata: int | float | str
    ) -> None:
        super().__init__(message or reason.text)
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.metadata: dict[str, str] = {key: str(value) for key, value in metadata.items()}

    @property
    def message(self) -> str:
        """The sentence."""
        return str(self)


def field_invalid(field: str, problem: str, value: object = None, **metadata: int) -> ClipferryError:
    """Return the error for one bad field of a request.

    Args:
        field: Name of the field as the caller wrote it.
        problem: What is wrong, with the limit: ``"must be at most 2048 characters"``.
        value: What was sent; shown cut to 200 characters.
        metadata: Limits as numbers.
    """
    shown = "" if value is None else f" (got {_cut(value)!r})"
    return ClipferryError(Reason.FIELD_INVALID, f"{field} {problem}{shown}.", field=field, **metadata)


def _cut(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else text[:200] + "…"
