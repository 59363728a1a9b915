"""Whether the video arrived whole: what the sandbox got, against what the sample site sent."""

import hashlib
from pathlib import Path
from typing import Any

import httpx

from sandbox.run.trip import Ending
from sandbox.site.ffmpeg import ffmpeg
from sandbox.site.media import FRAMES_HASH, FRAMES_HASH_OUTPUT, frames_hash, mp4_box

_DURATION_SLACK_S = 0.6
"""Bot API durations are whole seconds."""


async def faults(ending: Ending, *, page_url: str, site_url: str, bot_api_url: str) -> list[str]:
    """Return everything that is wrong with a delivery; empty when it is whole.

    Args:
        page_url: What was submitted; a page of the sample site is compared with what the site sent.
    """
    if ending.status != "completed":
        return [ending.sentence]
    async with httpx.AsyncClient(timeout=15, trust_env=False) as http:
        messages = (await http.get(f"{bot_api_url}/sandbox/messages")).json()["messages"]
        mine = [one for one in messages if one["message_id"] == ending.result.get("telegramMessageId")]
        if len(mine) != 1:
            return [f"the sandbox has {len(mine)} messages of this job instead of 1"]
        body = (await http.get(f"{bot_api_url}{mine[0]['file']['url']}")).content
        truth = (await http.get(f"{site_url}/samples.json")).json()
    found = form_faults(mine[0])
    sample = next((one for one in truth["samples"] if f"{site_url}{one['path']}" == page_url), None)
    if sample is not None:
        found += sample_faults(mine[0], sample) + await content_faults(body, sample, truth)
    return found


def form_faults(message: dict[str, Any]) -> list[str]:
    """Return what is wrong with the form of a message, whatever the video is."""
    fields, file = message["fields"], message["file"]
    checks = {
        f"it was sent by {message['method']}": message["method"] == "sendVideo",
        "it does not decode to its end": file["decoded"],
        "its index is not at its front": file["moov_before_mdat"],
        "supports_streaming is not set": fields.get("supports_streaming", "").lower() == "true",
        "it has no thumbnail": file["thumbnail_bytes"] > 0,
        "it has no size or duration": all(int(fields.get(name, 0)) > 0 for name in ("width", "height", "duration")),
    }
    return [fault for fault, is_right in checks.items() if not is_right]


def sample_faults(message: dict[str, Any], sample: dict[str, Any]) -> list[str]:
    """Return where the fields of a message differ from what is true of `sample`."""
    fields = message["fields"]
    size = (int(fields.get("width", 0)), int(fields.get("height", 0)))
    found = []
    if size != (sample["width"], sample["height"]):
        found.append(f"its size is {size[0]}x{size[1]} instead of {sample['width']}x{sample['height']}")
    if abs(float(fields.get("duration", 0)) - sample["duration_s"]) > _DURATION_SLACK_S:
        found.append(f"its duration is {fields.get('duration')} s instead of {sample['duration_s']} s")
    return found


async def content_faults(body: bytes, sample: dict[str, Any], truth: dict[str, Any]) -> list[str]:
    """Return where the bytes that arrived differ from those of `sample`."""
    found = []
    if sample["same_bytes"]:
        if len(body) != truth["clip_size_bytes"]:
            found.append(f"it has {len(body)} bytes instead of {truth['clip_size_bytes']}")
        if hashlib.sha256(mp4_box(body, b"mdat")).hexdigest() != truth["mdat_sha256"]:
            found.append("its media data is not what the site sent")
    try:
        frames = frames_hash(await ffmpeg(*FRAMES_HASH, "-i", "pipe:0", *FRAMES_HASH_OUTPUT, cwd=Path(), stdin=body))
    except RuntimeError:
        return [*found, "it cannot be played while it is read"]
    if frames != truth["frames_sha256"]:
        found.append("its pictures are not those of the site")
    return found
