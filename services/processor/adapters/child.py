"""One job in a process of its own: look at the page, wait for the word, download, make playable, report.

Imports yt-dlp, so only the forkserver imports this.
"""

import gc
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import Cryptodome.Cipher.AES  # noqa: F401 - yt-dlp imports it at the first encrypted segment
from yt_dlp.extractor import gen_extractor_classes  # type: ignore[import-untyped]  # ships no types
from yt_dlp.postprocessor.ffmpeg import FFmpegPostProcessor  # type: ignore[import-untyped]  # ships no types
from yt_dlp.utils import unified_timestamp  # type: ignore[import-untyped]  # ships no types

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters import confine, handlers, pieces, prompt_reads, silence, titles, trust
from services.processor.adapters.cover import keep_embedded_cover, make_cover
from services.processor.adapters.extractors import open_with_extractors
from services.processor.adapters.failures import Progressed, classify, video_too_large
from services.processor.adapters.messages import (
    DownloadOrder,
    JobOrder,
    decode,
    download_order_of,
    encode,
    encode_failure,
    encode_found,
)
from services.processor.adapters.offers import has_picture
from services.processor.adapters.options import FILE_STEM, WARM_OPTIONS, hooks, ytdlp_options
from services.processor.adapters.page import Info, choose, chosen_formats, is_fragmented, known_formats, look
from services.processor.adapters.remux import Wish, check_media, make_playable, read_tags
from services.processor.adapters.selector import naming_selector, open_ytdlp
from services.processor.adapters.tags import Tags
from services.processor.adapters.tally import Tally, estimated_bytes
from services.processor.adapters.transcode import Bounds, transcode, web_source
from services.processor.adapters.voice import Voice
from services.processor.core.recipe import Recipe

_OVERHEAD_DIVISOR = 8
"""Pieces may be larger by this part than the mp4 that is made of them: MPEG-TS adds headers and filler."""

_SPARE_BYTES = 4 * 1024 * 1024
"""Of address space: a page that has used the memory up leaves too little of it to say so."""


def warm() -> None:
    """Import and fill every cache that a job would fill, once, before the first fork."""
    handlers.install()
    prompt_reads.install()
    pieces.install()
    silence.install()
    titles.install()
    trust.install()
    with open_with_extractors(WARM_OPTIONS) as ydl:
        trust.read_certificates(ydl)
        for extractor in gen_extractor_classes():
            extractor.suitable("http://127.0.0.1/")
        list(ydl.get_info_extractor("Generic")._extract_embeds("http://127.0.0.1/", "<html></html>"))
        processor = FFmpegPostProcessor(ydl)
        _ = processor.available, processor.probe_available
        # Last, because Python keeps only the newest patterns: those of a plain file, and of the date it comes with.
        unified_timestamp("Thu, 01 Jan 1970 00:00:00 GMT")
        ydl.process_ie_result({"id": "v", "title": "v", "url": "http://127.0.0.1/v.mp4"}, download=False)
    gc.collect()
    gc.freeze()


def run_job(channel: socket.socket, job_dir: Path) -> None:
    """Do what the first line on `channel` orders. Returns when the job has ended; how it ended was sent."""
    with channel.makefile("rb") as lines:
        _, fields = decode(lines.readline())
        order = JobOrder(**fields)
        _Job(channel, order, job_dir).run(lambda: decode(lines.readline()))


class _Job:
    def __init__(self, channel: socket.socket, order: JobOrder, job_dir: Path) -> None:
        self._voice = Voice(channel)
        self._order = order
        self._job_dir = job_dir
        self._tally: Tally | None = None
        self._info: Info = {}
        self._tags = Tags()
        self._limit_bytes = 0

    def run(self, hear: Callable[[], tuple[str, Mapping[str, Any]]]) -> None:
        spare = bytearray(_SPARE_BYTES)
        try:
            confine.confine(self._order, self._job_dir)
            options = ytdlp_options(self._order, self._job_dir) | hooks(self._progressed, self._muxing)
            with open_ytdlp(options, self._order.format) as ydl:
                with naming_selector(self._order.format):
                    info, found = look(ydl, self._order)
                self._voice.say(encode_found(found))
                download = self._download_order(ydl, info, hear)
                self._limit_bytes = download.limit_bytes
                if info is None:
                    raise _needs_choice(len(found.entries))
                path = self._download(ydl, info, download)
                if path.suffix != ".mp4":
                    make_cover(ydl, info, self._job_dir)
            self._voice.say(encode("done", name=path.name, **asdict(self._tags)))
        except Exception as error:  # noqa: BLE001 - the edge: whatever was raised is sent
            del spare
            self._fail(error)

    def _download_order(
        self, ydl: Any, info: Info | None, hear: Callable[[], tuple[str, Mapping[str, Any]]]
    ) -> DownloadOrder:
        """Wait for the word to download; whoever only looks asks for the site's picture instead."""
        while (heard := hear())[0] == "picture":
            make_cover(ydl, info or {}, self._job_dir)
            self._voice.say(encode("picture"))
        return download_order_of(heard[1])

    def _progressed(self, status: Mapping[str, Any]) -> None:
        if self._tally is not None:
            self._tally.hook(status)

    def _download(self, ydl: Any, info: Info, order: DownloadOrder) -> Path:
        self._info = info = choose(ydl, info, order.format_id)
        promised_s = None if info.get("is_live") else info.get("duration")
        path = self._reencode(ydl, info, order.recipe) if order.recipe else self._fetch_as_it_is(ydl, info)
        if self._order.is_audio or not has_picture(info):
            self._tags = read_tags(path)
            keep_embedded_cover(path, self._job_dir)
        wish = Wish(
            is_audio=self._order.is_audio,
            limit_bytes=self._limit_bytes,
            promised_s=promised_s,
            bounds=self._bounds(Reason.UNPLAYABLE),
        )
        return make_playable(path, wish, on_remux=self._muxing, on_share=self._transcoding)

    def _reencode(self, ydl: Any, info: Info, recipe: Recipe) -> Path:
        confine.limit_file_size(self._limit_bytes)
        self._transcoding(0.0)
        formats = known_formats(info)
        source = web_source(ydl, formats, is_audio=recipe.is_audio, proxy_url=self._order.proxy_url)
        path = self._job_dir / ("t.m4a" if recipe.is_audio else "t.mp4")
        is_small = 0 < sum(map(estimated_bytes, formats)) <= self._limit_bytes
        bounds = self._bounds(Reason.UNPLAYABLE if is_small else Reason.VIDEO_TOO_LARGE)
        transcode(source, recipe, path, bounds, self._transcoding)
        return path

    def _bounds(self, reason: Reason) -> Bounds:
        limit_s = self._order.transcode_timeout_s
        return Bounds(
            timeout_s=limit_s,
            cpu_s=self._order.transcode_cpu_s,
            too_slow=ClipferryError(
                reason,
                f"It does not play as it is, or is too large, and re-encoding it takes longer than {limit_s:g} s"
                f" or {self._order.transcode_cpu_s} s of CPU.",
                limit_bytes=self._limit_bytes,
                limit_s=limit_s,
            ),
        )

    def _fetch_as_it_is(self, ydl: Any, info: Info) -> Path:
        fetched_limit_bytes = self._limit_bytes
        if is_fragmented(info):
            fetched_limit_bytes += self._limit_bytes // _OVERHEAD_DIVISOR
        confine.limit_file_size(fetched_limit_bytes)
        self._tally = Tally(
            {str(fmt.get("format_id")): estimated_bytes(fmt) for fmt in chosen_formats(info)},
            limit_bytes=fetched_limit_bytes,
            on_moved=self._moved,
            on_too_large=self._too_large,
            on_stream=self._check_stream,
        )
        return self._fetch(ydl, info)

    def _fetch(self, ydl: Any, info: Info) -> Path:
        signal.signal(signal.SIGINT, _close_recording)
        try:
            result = ydl.process_ie_result(info, download=True)
        except KeyboardInterrupt:
            # A recording was closed; what there is has been written.
            return self._largest_file()
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        path = Path(result["requested_downloads"][0]["filepath"])
        if not path.is_file() or not path.stat().st_size:
            raise ClipferryError(Reason.INCOMPLETE, "The site delivered nothing.", done_bytes=0)
        return path

    def _largest_file(self) -> Path:
        files = [path for path in self._job_dir.glob(f"{FILE_STEM}.*") if path.stat().st_size]
        if not files:
            raise ClipferryError(Reason.INCOMPLETE, "The recording was closed before anything arrived.", done_bytes=0)
        return max(files, key=lambda path: path.stat().st_size)

    def _check_stream(self, name: str) -> None:
        # Before ffmpeg sees it: yt-dlp asks ffmpeg about streams without limiting what that may open.
        check_media(self._job_dir / name)

    def _moved(self, done_bytes: int, total_bytes: int, bytes_per_second: int) -> None:
        moved = encode("moved", done_bytes=done_bytes, total_bytes=total_bytes, bytes_per_second=bytes_per_second)
        self._voice.say_progress(moved)

    def _transcoding(self, done_share: float) -> None:
        self._voice.say_progress(encode("transcoding", done_share=done_share))

    def _muxing(self) -> None:
        self._voice.say(encode("muxing"))

    def _too_large(self, size_bytes: int) -> NoReturn:
        # At once: threads that wait for the site would hold an exception up for seconds.
        self._fail(video_too_large(size_bytes, self._limit_bytes))
        os._exit(0)

    def _fail(self, error: Exception) -> None:
        progressed = Progressed(
            is_downloading=self._tally is not None,
            is_fragmented=self._tally is not None and is_fragmented(self._info),
            done_bytes=self._tally.done_bytes if self._tally else 0,
            limit_bytes=self._limit_bytes,
        )
        cause = f"{type(error).__name__}: {error}"
        self._voice.say(encode_failure(classify(error, progressed), cause))


def _close_recording(_number: int, _frame: object) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
        # The second signal takes ffmpeg out of waiting for a stream that has stopped growing; it still ends in order.
        os.killpg(0, number)
    raise KeyboardInterrupt


def _needs_choice(entry_count: int) -> ClipferryError:
    return ClipferryError(
        Reason.PLAYLIST_NEEDS_CONFIRM,
        f"The page is a list of {entry_count} videos; say which item.",
        entry_count=entry_count,
    )
