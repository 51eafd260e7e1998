"""HTTP/1.1 in bytes, as far as one POST and its answer need it. Sends and reads nothing itself."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from typing import TypeAlias, TypeVar

import httpcore

from .flow import Body, Reply

T = TypeVar("T")

#: Takes what comes in, part by part, and an empty part where the connection ends.
Reading: TypeAlias = Generator[None, bytes, T]

_HEAD_MAX = 64 * 1024
#: Bytes of an answer; the server's own are far smaller.
_CONTENT_MAX = 4 * 1024 * 1024
_STATUS = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\0-\x08\x0a-\x1f]*)?")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\0-\x08\x0a-\x1f]*)")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?", re.DOTALL)


def fields(given: Iterable[tuple[str, str]]) -> Body:
    """Fields as they are sent. A value cannot become another field."""
    text = ""
    for name, value in given:
        if not (value.isascii() and value.isprintable()):
            raise httpcore.LocalProtocolError(f"the field `{name}` cannot be sent")
        text += f"{name}: {value}\r\n"
    return Body(text.encode("ascii"))


def read_answer(is_connect: bool = False) -> Reading[tuple[Reply, bool]]:
    """The answer, and whether its connection is good for another request.

    Whatever is not plainly one answer is refused: what two readers take for different things is how
    answers get to those who did not ask.
    """
    status, left = 0, b""
    while status < 200:
        head, left = yield from _until(left, b"\r\n\r\n")
        minor, status, headers = _head(head)
        if status == 101:
            raise _wrong("another protocol")
    encoding, length = headers.get("transfer-encoding"), headers.get("content-length")
    is_whole = True
    if (is_connect and status < 300) or status in (204, 304):
        content = b""
    elif encoding is not None:
        if encoding.lower() != "chunked" or length is not None or minor == "0":
            raise _wrong("its length is unclear")
        content, left = yield from _chunks(left)
    elif length is not None:
        content, left = yield from _exactly(left, _length(length))
    else:
        content, left, is_whole = (yield from _rest(left)), b"", False
    stays = minor == "1" and "close" not in headers.get("connection", "").lower()
    return Reply(status, headers, content), stays and is_whole and not left


def _head(head: bytes) -> tuple[str, int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    found = _STATUS.fullmatch(first)
    if found is None:
        raise _wrong("no status")
    headers: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise _wrong("a malformed field")
        name, value = field[1].lower(), field[2].strip(" \t")
        if name in headers and name in ("content-length", "transfer-encoding"):
            raise _wrong("its length is unclear")
        headers[name] = value
    return found[1], int(found[2]), headers


def _length(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise _wrong("its length is unclear")
    return _bounded(int(text))


def _bounded(length: int) -> int:
    if length > _CONTENT_MAX:
        raise _wrong("it is too long")
    return length


def _until(left: bytes, end: bytes) -> Reading[tuple[bytes, bytes]]:
    while (place := left.find(end)) < 0:
        if len(left) > _HEAD_MAX:
            raise _wrong("its head is too long")
        left += yield from _more()
    return left[:place], left[place + len(end) :]


def _exactly(left: bytes, length: int) -> Reading[tuple[bytes, bytes]]:
    parts, missing = [left], length - len(left)
    while missing > 0:
        part = yield from _more()
        parts.append(part)
        missing -= len(part)
    whole = b"".join(parts)
    return whole[:length], whole[length:]


def _chunks(left: bytes) -> Reading[tuple[bytes, bytes]]:
    content: list[bytes] = []
    length = 0
    while True:
        line, left = yield from _until(left, b"\r\n")
        size = _SIZE.fullmatch(line)
        if size is None:
            raise _wrong("a malformed chunk")
        part = int(size[1], 16)
        if part == 0:
            break
        length = _bounded(length + part)
        chunk, left = yield from _exactly(left, part + 2)
        if chunk[-2:] != b"\r\n":
            raise _wrong("a malformed chunk")
        content.append(chunk[:-2])
    while line:
        # Fields that nobody needs.
        line, left = yield from _until(left, b"\r\n")
    return b"".join(content), left


def _rest(left: bytes) -> Reading[bytes]:
    parts, length = [left], len(left)
    while part := (yield):
        parts.append(part)
        length = _bounded(length + len(part))
    return b"".join(parts)


def _more() -> Reading[bytes]:
    part = yield
    if not part:
        raise _wrong("it ended early")
    return part


def _wrong(why: str) -> httpcore.RemoteProtocolError:
    return httpcore.RemoteProtocolError(f"the answer is no HTTP/1.1: {why}")
