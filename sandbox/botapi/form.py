"""Reads a request: its fields, and its files into memory, with the scripted fault in between."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, MultipartReader, web

from sandbox.botapi.errors import TOO_LARGE, RefusalError, bad_request
from sandbox.botapi.faults import Fault
from sandbox.botapi.reset import reset

FORM_OVERHEAD_BYTES = 1_000_000
"""What fields, thumbnail and boundaries may add to the file."""

_CHUNK_BYTES = 256 * 1024


@dataclass
class FormFile:
    """A file part."""

    name: str
    mime_type: str
    data: bytes = field(repr=False)


@dataclass
class Form:
    """What a request holds."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, FormFile] = field(default_factory=dict)
    fault: Fault | None = None


class FormReader:
    """Reads one request.

    Args:
        limit_bytes: Largest file.
        choose_fault: Says what goes wrong, given the chat; asked once, as soon as the chat is known.
    """

    def __init__(self, request: web.Request, limit_bytes: int, choose_fault: Callable[[str], Fault | None]) -> None:
        self._request = request
        self._limit_bytes = limit_bytes
        self._choose_fault = choose_fault
        self._has_chosen = False
        self._form = Form()

    async def read(self) -> Form:
        """Return the whole request.

        Raises:
            RefusalError: 411 without a Content-Length; 413 for a file over the limit; 400 for a body that is not whole.
        """
        await self._read_parts()
        self._choose()
        return self._form

    async def _read_parts(self) -> None:
        request = self._request
        if request.content_type.startswith("multipart/"):
            if request.content_length is None:
                raise RefusalError(411, "Length Required")
            if request.content_length > self._limit_bytes + FORM_OVERHEAD_BYTES:
                raise RefusalError(413, TOO_LARGE)
            await self._read_multipart(await request.multipart())
        elif request.content_type == "application/json":
            values = await request.json() if request.can_read_body else {}
            self._form.fields.update({key: str(value) for key, value in values.items()})
        else:
            self._form.fields.update({key: str(value) for key, value in (await request.post()).items()})
            self._form.fields.update(request.query)

    async def _read_multipart(self, reader: MultipartReader) -> None:
        try:
            while (part := await reader.next()) is not None:
                if not isinstance(part, BodyPartReader) or part.name is None:
                    raise bad_request("a part has no name")
                if part.filename is None:
                    self._form.fields[part.name] = await part.text()
                else:
                    await self._read_file(part, part.name, part.filename)
        except ValueError as error:
            raise bad_request("the body does not end with its boundary") from error

    async def _read_file(self, part: BodyPartReader, name: str, file_name: str) -> None:
        if not name.startswith("attached"):
            self._choose()
        data = bytearray()
        began_at_s = time.monotonic()
        while chunk := await part.read_chunk(_CHUNK_BYTES):
            data += chunk
            if len(data) > self._limit_bytes:
                raise RefusalError(413, TOO_LARGE)
            await self._hinder(len(data), began_at_s)
        mime_type = part.headers.get("Content-Type", "application/octet-stream")
        self._form.files[name] = FormFile(file_name, mime_type, bytes(data))

    def _choose(self) -> None:
        if self._has_chosen:
            return
        self._has_chosen = True
        fault = self._choose_fault(self._form.fields.get("chat_id", ""))
        self._form.fault = fault
        if fault is not None and fault.is_early:
            raise answer_of(fault)

    async def _hinder(self, read_bytes: int, began_at_s: float) -> None:
        fault = self._form.fault
        if fault is None:
            return
        if fault.kind == "reset_mid_body" and read_bytes > fault.after_bytes:
            reset(self._request)
            raise ConnectionResetError
        if fault.kind == "stall" and read_bytes > fault.after_bytes:
            await asyncio.Event().wait()
        if fault.kind == "slow":
            due_at_s = began_at_s + read_bytes / fault.bytes_per_s
            await asyncio.sleep(max(0.0, due_at_s - time.monotonic()))


def answer_of(fault: Fault) -> RefusalError:
    """Return what ``flood``, ``status`` and ``redirect`` answer."""
    if fault.kind == "flood":
        after_s = fault.retry_after
        return RefusalError(429, f"Too Many Requests: retry after {after_s}", retry_after=after_s)
    if fault.kind == "redirect":
        return RefusalError(307, "Temporary Redirect")
    return RefusalError(fault.code, fault.description, **fault.parameters)
