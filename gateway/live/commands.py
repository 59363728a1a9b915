"""What clients say over /ws."""

import msgspec

from services.chassis.errors import ClipferryError, Reason, field_invalid


class Command(msgspec.Struct, rename="camel"):
    """Any message of a client. Fields that a type does not know are ignored."""

    type: str
    id: str | int | None = None
    """Given back in the answer."""
    token: str | None = None
    protocol: int = 1
    channel: str | None = None
    cursor: int | None = None
    job_id: str | None = None


class MalformedFrameError(Exception):
    """The frame holds no command at all."""


_decoder = msgspec.json.Decoder(Command)

_CHANNEL_BY_ALIAS = {"Queue": "queue", "Memory": "memory", "Jobs": "jobs"}


def read_command(text: str) -> Command:
    """Return the command in a text frame, with the Node system's names turned into ours.

    Raises:
        MalformedFrameError: If it is no JSON object with a type.
        ClipferryError: FIELD_INVALID, when a field has the wrong type.
    """
    try:
        command = _decoder.decode(text)
    except msgspec.ValidationError as error:
        problem, has_path, path = str(error).partition(" - at `$.")
        if not has_path:
            raise MalformedFrameError from error
        raise field_invalid(path.strip("`"), f"has the wrong type: {problem}") from error
    except msgspec.DecodeError as error:
        raise MalformedFrameError from error
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
