"""Re-encodes media by ffmpeg, from a file or straight from the web, within limits of time, CPU and size."""

import os
import re
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.confine import CPU_GRACE_S
from services.processor.adapters.failures import REASON_BY_STATUS, status_sentence, video_too_large
from services.processor.adapters.ffmpeg import INPUT_LIMITS, ONE_THREAD, WEB_LIMITS, tone_map, web_input
from services.processor.core.recipe import Recipe

_SHORTEST_SHARE = 0.95
_SHORTEST_GAP_S = 2.0
_TICK_S = 0.1
_LONGEST_TICK_S = 2.0
_FORECAST_FROM = 0.25
"""Of the time that a run may take: from then on its pace tells how long it will take in all."""
_HOPELESS = 1.5
"""Times the limit: a pace is no promise, so less than that is given its chance."""
_KEPT_TEXT_COUNT = 4_000
_TRANSFERS = {"HDR10": "smpte2084", "HDR10+": "smpte2084", "HDR12": "smpte2084", "HLG": "arib-std-b67"}
"""By yt-dlp's name of a dynamic range."""
_HOLE = re.compile(
    r"Failed to open segment|Error when loading|Unable to open (key|resource)|Failed to reload|"
    r"Connection (reset|timed out)"
)
"""What ffmpeg says where it goes on without a part."""
_BREAK = re.compile(r"Stream ends prematurely|Error during demuxing|partial file")
"""What it says where its source ends: also at the true end of one that came without a length."""
_END_GAP_S = 0.5
"""What may be missing of the duration where a source has ended in such a way."""
_TAGS = ("-map_metadata", "0", "-map_metadata:g", "0:s:a:0")
"""Those of the file, and those of its sound, which is where Ogg has them."""
_OUT_OF_CPU = frozenset({-signal.SIGXCPU, 255})
"""ffmpeg ends in order at that signal, where it still can."""
_REFUSED = re.compile(r"Server returned (\d)(\d|X)(\d|X)")


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What one run of ffmpeg may use."""

    timeout_s: float
    cpu_s: int
    too_slow: ClipferryError
    """Raised when it used more."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is re-encoded."""

    inputs: tuple[str, ...]
    """Everything up to and with each ``-i``."""
    maps: tuple[str, ...]
    """Which streams: the picture first, if there is one."""
    keeps_picture: bool = False
    """The picture plays as it is: only the sound is re-encoded."""
    keeps_sound: bool = False
    transfer: str = ""
    """Of a picture with a high dynamic range: how its numbers stand for light, as ffmpeg names it."""
    environment: Mapping[str, str] = field(default_factory=dict)
    is_web: bool = False


def file_source(path: Path, *, with_picture: bool, keeps_picture: bool, keeps_sound: bool, transfer: str) -> Source:
    """Return a finished file as a source."""
    return Source(
        inputs=(*INPUT_LIMITS, "-i", str(path)),
        maps=("-map", "0:V:0", "-map", "0:a:0?") if with_picture else ("-map", "0:a:0"),
        keeps_picture=keeps_picture,
        keeps_sound=keeps_sound,
        transfer=transfer,
    )


def web_source(ydl: Any, formats: Sequence[Mapping[str, Any]], *, is_audio: bool, proxy_url: str) -> Source:
    """Return yt-dlp's formats, a picture and perhaps a sound of its own, as a source that is read from the web."""
    inputs = [argument for fmt in formats for argument in (*WEB_LIMITS, *web_input(ydl, fmt))]
    wanted = ["0:a:0"] if is_audio else ["0:V:0", "1:a:0" if len(formats) > 1 else "0:a:0?"]
    for at, fmt in enumerate(formats):
        # A DASH manifest holds all streams at once; yt-dlp knows which of them a format is.
        if fmt.get("manifest_stream_number") is not None:
            wanted[at:] = [f"{at}:{fmt['manifest_stream_number']}", *wanted[at + 1 : len(formats)]]
    return Source(
        inputs=tuple(inputs),
        maps=tuple(argument for stream in wanted for argument in ("-map", stream)),
        transfer=_TRANSFERS.get(str(formats[0].get("dynamic_range")), ""),
        environment={"http_proxy": proxy_url},
        is_web=True,
    )


def transcode(source: Source, recipe: Recipe, result: Path, bounds: Bounds, on_share: Callable[[float], None]) -> None:
    """Write `source`, re-encoded by `recipe`, to `result`.

    Args:
        on_share: Called with the part that is done, 0 to 1, whenever it has grown; 0 while nobody can tell.

    Raises:
        ClipferryError: VIDEO_TOO_LARGE when it did not fit, INCOMPLETE when a part of the source was missing,
            UNPLAYABLE when it cannot be decoded, ``bounds.too_slow``, or the site's refusal.
    """
    run = _Run(_command(source, recipe, result), source, bounds, duration_s=recipe.duration_s)
    done_s = run.follow(lambda at_s: on_share(min(1.0, at_s / recipe.duration_s) if recipe.duration_s else 0.0))
    _check_end(run, source, recipe, bounds)
    if recipe.duration_s - done_s > max(_SHORTEST_GAP_S, recipe.duration_s * (1 - _SHORTEST_SHARE)):
        raise ClipferryError(
            Reason.INCOMPLETE,
            f"Only {done_s:.0f} s of {recipe.duration_s:.0f} s could be read.",
            duration_s=round(done_s),
            promised_s=round(recipe.duration_s),
        )
    if result.stat().st_size > recipe.limit_bytes:
        raise video_too_large(result.stat().st_size, recipe.limit_bytes)


def _command(source: Source, recipe: Recipe, result: Path) -> list[str]:
    picture = ["-c:v", "copy"] if source.keeps_picture else _picture(recipe, source.transfer)
    sound = ["-c:a", "copy"] if source.keeps_sound else _sound(recipe)
    return [
        *(
            "ffmpeg",
            "-nostdin",
            "-hide_banner",
            "-loglevel",
            "warning",
            "-nostats",
            "-stats_period",
            "0.2",
            "-progress",
            "pipe:1",
        ),
        *ONE_THREAD,
        *source.inputs,
        *source.maps,
        *(["-vn"] if recipe.is_audio else picture),
        *sound,
        *(_TAGS if recipe.is_audio else ("-map_metadata", "-1")),
        *("-sn", "-dn", "-map_chapters", "-1", "-f", "mp4", "-y", str(result)),
    ]


def _picture(recipe: Recipe, transfer: str) -> list[str]:
    factor = f"min(1,sqrt({recipe.most_pixels}/(iw*sar*ih)))"
    # Square pixels, an even number of them; frames are upright already.
    scale = f"scale='max(2,2*trunc(iw*sar*{factor}/2))':'max(2,2*trunc(ih*{factor}/2))',setsar=1,"
    return [
        *("-vf", f"{scale}{tone_map(transfer)}format=yuv420p", "-fpsmax", "30"),
        *("-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-threads", "2"),
        # Good where little is enough, and never above what fits.
        *("-crf", "23", "-maxrate", str(recipe.video_bps), "-bufsize", str(recipe.buffer_bits)),
    ]


def _sound(recipe: Recipe) -> list[str]:
    channels = "1" if recipe.is_mono else "2"
    return ["-c:a", "aac", "-b:a", str(recipe.audio_bps), "-ac", channels, "-ar", "44100"]


def _check_end(run: "_Run", source: Source, recipe: Recipe, bounds: Bounds) -> None:
    if run.was_late or run.status in _OUT_OF_CPU:
        raise _too_slow(bounds, run.forecast_s)
    if run.status == -signal.SIGXFSZ or "File too large" in run.text:
        raise video_too_large(recipe.limit_bytes + 1, recipe.limit_bytes)
    if source.is_web:
        _check_web(run, recipe)
    if run.status != 0:
        what = "sound" if recipe.is_audio else "video"
        raise ClipferryError(Reason.UNPLAYABLE, f"The {what} could not be re-encoded: it cannot be decoded.")


def _too_slow(bounds: Bounds, forecast_s: float) -> ClipferryError:
    error = bounds.too_slow
    if not forecast_s:
        return error
    needed_s = round(forecast_s)
    text = f"{error.message} At its pace here it would take {needed_s} s."
    return ClipferryError(error.reason, text, retry_after_s=None, needed_s=needed_s, **error.metadata)


def _check_web(run: "_Run", recipe: Recipe) -> None:
    refused = _REFUSED.search(run.text)
    if run.status != 0 and refused and not run.done_s:
        # ffmpeg names some of them by their class alone, such as 5XX.
        status = int("".join(refused.groups()).replace("X", "0"))
        raise ClipferryError(REASON_BY_STATUS.get(status, Reason.SITE_UNREACHABLE), status_sentence(status))
    is_cut = run.has_break and not 0 < recipe.duration_s <= run.done_s + _END_GAP_S
    if run.has_hole or is_cut or (run.status != 0 and refused):
        raise ClipferryError(Reason.INCOMPLETE, "The site did not deliver the whole video.", done_s=round(run.done_s))


class _Run:
    """One run of ffmpeg."""

    def __init__(self, command: list[str], source: Source, bounds: Bounds, *, duration_s: float) -> None:
        self.status = 0
        self.text = ""
        """The end of what it said."""
        self.has_hole = False
        self.has_break = False
        self.was_late = False
        self.done_s = 0.0
        self.forecast_s = 0.0
        """How long it would have taken, where it was ended because of that."""
        self._duration_s = duration_s
        self._timeout_s = bounds.timeout_s
        self._ended = threading.Event()
        self._process = subprocess.Popen(  # noqa: S603 - our own arguments
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=os.environ | dict(source.environment),
        )
        resource.prlimit(self._process.pid, resource.RLIMIT_CPU, (bounds.cpu_s, bounds.cpu_s + CPU_GRACE_S))

    def follow(self, on_time: Callable[[float], None]) -> float:
        """Wait for its end; returns how many seconds of media there were.

        Args:
            on_time: Called with the seconds that are done, whenever there are more.
        """
        listener = threading.Thread(target=self._listen, name="ffmpeg-says", daemon=True)
        listener.start()
        threading.Thread(target=self._watch, name="ffmpeg-time", daemon=True).start()
        try:
            for line in self._process.stdout or ():
                name, _, value = line.strip().partition("=")
                if name == "out_time_us" and value.lstrip("-").isdigit() and int(value) / 1e6 > self.done_s:
                    self.done_s = int(value) / 1e6
                    on_time(self.done_s)
            self.status = self._process.wait()
        finally:
            self._ended.set()
        listener.join()
        return self.done_s

    def _listen(self) -> None:
        for line in self._process.stderr or ():
            self.has_hole = self.has_hole or bool(_HOLE.search(line))
            self.has_break = self.has_break or bool(_BREAK.search(line))
            self.text = (self.text + line)[-_KEPT_TEXT_COUNT:]

    def _watch(self) -> None:
        """End it when its time is over, or will be long before it is done.

        While the whole group is stopped, for want of memory, no time goes by.
        """
        used_s, seen_at_s = 0.0, time.monotonic()
        while not self._ended.wait(_TICK_S):
            now_s = time.monotonic()
            used_s += min(now_s - seen_at_s, _LONGEST_TICK_S)
            seen_at_s = now_s
            needed_s = used_s * self._duration_s / self.done_s if self.done_s > 0 else 0.0
            if used_s > _FORECAST_FROM * self._timeout_s and needed_s > _HOPELESS * self._timeout_s:
                self.forecast_s = needed_s
            if used_s > self._timeout_s or self.forecast_s:
                self.was_late = True
                self._process.kill()
                return
