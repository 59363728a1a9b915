"""The one way this package runs ffmpeg."""

import asyncio
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]  # ships no types


async def ffmpeg(*arguments: str, cwd: Path, stdin: bytes | None = None) -> bytes:
    """Run ffmpeg in `cwd` and return its standard output.

    Raises:
        RuntimeError: With ffmpeg's own last words when it fails.
    """
    process = await asyncio.create_subprocess_exec(
        imageio_ffmpeg.get_ffmpeg_exe(),
        *("-hide_banner", "-loglevel", "error", "-y", *(() if stdin else ("-nostdin",))),
        *arguments,
        cwd=cwd,
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(stdin)
    if process.returncode:
        raise RuntimeError(f"ffmpeg {' '.join(arguments)} failed: {errors.decode(errors='replace')[-500:]}")
    return output
