"""What clients say over /ws."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from gateway.api.misfits import misfit, read_json
from gateway.api.repeated import check_keys
from services.chassis.errors import ClipferryError, Reason, field_invalid

_LAST_SEQUENCE = 2**63 - 1
_LAST_EXACT = 2**53 - 1
"""The largest whole number that JavaScript gives back as it was."""

_Id = Annotated[str, msgspec.Meta(max_length=128)] | Annotated[int, msgspec.Meta(ge=-_LAST_EXACT, le=_LAST_EXACT)]


class Command(msgspec.Struct, rename="camel"):
    """Any message of a client. Fields that a type does not know are ignored."""

    type: str
    """hello, subscribe, unsubscribe, token:refresh, ping or pong; or, as older clients say it, subscribeTo or
    unsubscribeFrom with Job, Jobs, Queue or Memory."""
    id: _Id | None = None
    """Given back in the answer."""
    token: str | None = None
    """Access token, in `hello` and `token:refresh`."""
    protocol: int = 1
    """In `hello`: 1."""
    channel: str | None = None
    """In `subscribe` and `unsubscribe`: jobs, job:<id>, queue or memory."""
    cursor: Annotated[int, msgspec.Meta(ge=0, le=_LAST_SEQUENCE)] | None = None
    """In `subscribe` to jobs: `cursor` of the last message, to get only the jobs that changed since."""
    job_id: str | None = None
    """In `subscribeToJob` and `unsubscribeFromJob`."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a type of command holds besides `type` and `id`.

    Args:
        needs: Fields that must be there.
        may_have: Fields that may.
        answer: Type of the answer when all goes well; empty: there is none.
    """

    needs: tuple[str, ...] = ()
    may_have: tuple[str, ...] = ()
    answer: str = ""


_SUBSCRIBE_TO, _UNSUBSCRIBE_FROM = Form(answer="subscribed"), Form(answer="unsubscribed")

FORMS: Mapping[str, Form] = {
    "hello": Form(("token",), ("protocol",), "welcome"),
    "subscribe": Form(("channel",), ("cursor",), "subscribed"),
    "unsubscribe": Form(("channel",), (), "unsubscribed"),
    "token:refresh": Form(("token",), (), "token:refreshed"),
    "ping": Form(answer="pong"),
    "pong": Form(),
    "subscribeToJob": Form(("jobId",), (), "subscribed"),
    "subscribeToJobs": _SUBSCRIBE_TO,
    "subscribeToQueue": _SUBSCRIBE_TO,
    "subscribeToMemory": _SUBSCRIBE_TO,
    "unsubscribeFromJob": Form(("jobId",), (), "unsubscribed"),
    "unsubscribeFromJobs": _UNSUBSCRIBE_FROM,
    "unsubscribeFromQueue": _UNSUBSCRIBE_FROM,
    "unsubscribeFromMemory": _UNSUBSCRIBE_FROM,
}
"""Every `type` that a client can say."""


class MalformedFrameError(Exception):
    """The frame holds no command at all."""


class RefusedCommandError(Exception):
    """A command that cannot be carried out as it is.

    Args:
        command_id: Its id, if it has one that can be given back.
        error: Why.
    """

    def __init__(self, command_id: str | int | None, error: ClipferryError) -> None:
        super().__init__(str(error))
        self.command_id = command_id
        self.error = error


_decoder = msgspec.json.Decoder(Command)

_CHANNEL_BY_ALIAS = {"Queue": "queue", "Memory": "memory", "Jobs": "jobs"}


def read_command(text: str) -> Command:
    """Return the command in a text frame, with the Node system's names turned into ours.

    Raises:
        MalformedFrameError: If it is no JSON object with a type.
        RefusedCommandError: FIELD_INVALID, when a field does not hold what it may, or is given twice.
    """
    try:
        command = _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise _refusal(error, text) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedFrameError from error
    try:
        check_keys(text.encode())
        return _in_our_words(command)
    except (ValueError, RecursionError) as error:
        raise MalformedFrameError from error
    except ClipferryError as error:
        raise RefusedCommandError(command.id, error) from error


def _refusal(error: msgspec.ValidationError, text: str) -> MalformedFrameError | RefusedCommandError:
    try:
        frame = read_json(text)
    except (ValueError, RecursionError):
        return MalformedFrameError()
    if not isinstance(frame, dict) or "type" not in frame:
        return MalformedFrameError()
    given = frame.get("id")
    command_id = given if isinstance(given, str | int) and not isinstance(given, bool) else None
    return RefusedCommandError(command_id, misfit(error, Command, text))


def _in_our_words(command: Command) -> Command:
    for verb in ("subscribe", "unsubscribe"):
        if command.type.startswith(f"{verb}To") or command.type.startswith(f"{verb}From"):
            command.channel = _aliased(command)
            command.type = verb
    return command


def _aliased(command: Command) -> str:
    what = command.type.removeprefix("un").removeprefix("subscribe").removeprefix("To").removeprefix("From")
    if what == "Job":
        if not command.job_id:
            raise ClipferryError(Reason.FIELD_INVALID, "jobId is missing.", field="jobId")
        return f"job:{command.job_id}"
    if what not in _CHANNEL_BY_ALIAS:
        raise field_invalid("type", "is not known", command.type)
    return _CHANNEL_BY_ALIAS[what]
