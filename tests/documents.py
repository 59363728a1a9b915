"""Pages that are made from the code: ``python -m tests.documents`` writes them, a contract test compares them."""

import ast
import inspect
import json
import textwrap
from itertools import pairwise
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cli.variables import VARIABLES
from gateway.api.problems import status_of
from gateway.config import GatewaySettings
from gateway.live.asyncapi import asyncapi_document
from sandbox.run.config import RunSettings
from services.chassis.errors import Reason
from services.chassis.settings import Settings, env_name, is_secret
from services.chassis.status import STATUS_BY_KIND
from services.notifier.config import NotifierSettings
from services.processor.config import ProcessorSettings
from services.queue.config import QueueSettings
from tests import states, states_picture
from tests.deploy import prometheus_rule

ROOT = Path(__file__).parent.parent

GROUPS: dict[str, type[Settings]] = {
    "Every service": Settings,
    "Queue": QueueSettings,
    "Processor": ProcessorSettings,
    "Notifier": NotifierSettings,
    "Gateway": GatewaySettings,
    "make run": RunSettings,
}


def env_example() -> str:
    """Return `.env.example`: every setting once, with meaning, unit, bounds and default."""
    lines = [
        "# Every setting of clipferry, with its default. Made from the settings classes: `make documents`.",
        "# A secret NAME can also be read from a file: NAME_FILE=/path.",
    ]
    seen: set[str] = set()
    for title, settings in GROUPS.items():
        lines += ["", f"# --- {title} ---"]
        meanings = _meanings(settings)
        for field_name, field in settings.model_fields.items():
            name = env_name(field, field_name)
            if name in seen:
                continue
            seen.add(name)
            lines += ["", *_comment(meanings[field_name]), f"#{name}={_shown_default(field)}"]
    lines += ["", "# --- The clipferry command ---"]
    for variable in VARIABLES:
        if variable.name not in seen:
            lines += ["", *_comment(variable.text), f"#{variable.name}={variable.default}"]
    return "\n".join(lines) + "\n"


def _meanings(settings: type[Settings]) -> dict[str, str]:
    """Return what stands below each field in the source. Pydantic can read it too, but then at each start."""
    found: dict[str, str] = {}
    for base in reversed(settings.__mro__[: settings.__mro__.index(BaseModel)]):
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0].body  # type: ignore[attr-defined]
        for field, text in pairwise(body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(meaning))):
                    found[name] = meaning
    return found


def _comment(text: str) -> list[str]:
    joined = " ".join(text.split())
    return textwrap.wrap(joined, 110, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _shown_default(field: FieldInfo) -> str:
    default = field.default
    if default is None or default is PydanticUndefined or is_secret(field):
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return str(default)


def reasons_page() -> str:
    """Return `docs/reasons.md`: every reason, what it is called on the wire, and whether another run may help."""
    lines = [
        "# Reasons",
        "",
        "Every error has one of these: in gRPC as `google.rpc.ErrorInfo.reason` (domain `clipferry`), in REST as",
        "`code` of a problem+json (its `type` is `urn:clipferry:problem:<reason-in-kebab-case>`), and in a failed job",
        "as `error.code`. *Retried* says whether the queue gives a job that failed with it another run by itself.",
        "Made from the code: `make documents`.",
        "",
        "| reason | gRPC status | HTTP status | retried | says |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{reason.name}` | `{STATUS_BY_KIND[reason.kind].name}` | {status_of(reason).value} "
        f"| {'yes' if reason.retryable else 'no'} | {reason.text} |"
        for reason in Reason
    ]
    return "\n".join(lines) + "\n"


def asyncapi_page() -> str:
    """Return `docs/asyncapi.json`: how /ws is spoken, for programs."""
    return json.dumps(asyncapi_document(), indent=2) + "\n"


PAGES = {
    ".env.example": env_example,
    "deploy/monitoring/prometheusrule.yaml": prometheus_rule.page,
    "docs/asyncapi.json": asyncapi_page,
    "docs/reasons.md": reasons_page,
    "docs/states.md": states.page,
    "docs/states.svg": states_picture.picture,
}

if __name__ == "__main__":
    for path, make in PAGES.items():
        (ROOT / path).write_text(make())
