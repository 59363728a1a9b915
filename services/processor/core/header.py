"""What is said of a video that is ready: to the notifier, and to the queue."""

from services.processor.core.naming import caption, file_name, one_line
from services.processor.core.run import Found, Header, MediaFacts, MediaFile, MediaKind, MediaSummary, Run


def header_of(
    run: Run, file: MediaFile, found: Found, facts: MediaFacts, *, size_bytes: int, thumbnail: bytes
) -> Header:
    """Return what goes before the bytes.

    Args:
        size_bytes: As it is sent.
        thumbnail: JPEG; empty: none.
    """
    kind = run.fetch.kind if facts.video_codec else MediaKind.AUDIO
    return Header(
        run=run,
        file_name=file_name(found.title, file.extension, kind),
        mime_type=facts.mime_type,
        size_bytes=size_bytes,
        caption=caption(run.caption, found),
        kind=kind,
        duration_s=facts.duration_s if facts.duration_s is not None else found.duration_s,
        width=facts.width,
        height=facts.height,
        thumbnail=thumbnail,
        title=one_line(file.title) or one_line(found.title),
        performer=one_line(file.performer) or one_line(found.performer),
    )


def summary_of(header: Header, found: Found) -> MediaSummary:
    """Return what the queue keeps of it."""
    return MediaSummary(
        title=header.title,
        duration_s=header.duration_s,
        width=header.width,
        height=header.height,
        size_bytes=header.size_bytes,
        mime_type=header.mime_type,
        file_name=header.file_name,
        extractor=found.extractor,
    )
