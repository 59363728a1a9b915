"""Ids of jobs as people type them: the end is enough, and the beginning is the time, which neighbours share."""

import re

from cli.exits import USAGE, CommandError
from cli.gateway import Gateway
from cli.job_cache import known_jobs

SHORT = 8
_ENDING = re.compile(rf"[0-9a-f]{{{SHORT}}}")
_MOST_LOOKED_AT = 1_000


def short(job_id: str) -> str:
    """Return the end of an id."""
    return job_id[-SHORT:]


def whole_id(gateway: Gateway, given: str) -> str:
    """Return the id that ends with `given`, of the jobs seen last or those of the gateway; else `given` itself.

    Raises:
        CommandError: When several do.
    """
    if not _ENDING.fullmatch(given):
        return given
    found = [job_id for job_id in known_jobs() if short(job_id) == given]
    if not found:
        found = [job["id"] for job in gateway.jobs(count=_MOST_LOOKED_AT, states=[]) if short(job["id"]) == given]
    if len(found) > 1:
        raise CommandError("FIELD_INVALID", f"Several jobs end with {given}: {', '.join(found)}.", USAGE)
    return found[0] if found else given
