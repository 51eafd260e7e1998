"""Answers in bytes: what is one, in whatever parts it comes, and what is not."""

from collections.abc import Iterable

import httpcore
import pytest

from aim_sdk.flow import Reply
from aim_sdk.http1 import fields, read_answer

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 503 Busy\r\nretry-after:  7 \r\ntransfer-encoding: Chunked\r\n\r\n"
    b"2\r\nhe\r\n3;name=value\r\nllo\r\n0\r\nchecksum: x\r\n\r\n"
)
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\r\nlink: x\r\n\r\n" + LENGTH
EMPTY = b"HTTP/1.1 204 No Content\r\nserver: x\r\n\r\n"
OPEN = b"HTTP/1.1 200 OK\r\n\r\nhello"


def read(parts: Iterable[bytes], is_connect: bool = False) -> tuple[Reply, bool]:
    """The answer in these parts, and whether its connection stays."""
    reading = read_answer(is_connect)
    next(reading)
    for part in parts:
        try:
            reading.send(part)
        except StopIteration as stop:
            return stop.value
    raise AssertionError("it waits for more")


def single(data: bytes) -> list[bytes]:
    """One byte at a time."""
    return [data[place : place + 1] for place in range(len(data))]


@pytest.mark.parametrize("data", [LENGTH, CHUNKED, CONTINUED], ids=["length", "chunks", "continue"])
def test_an_answer_is_the_same_in_any_parts(data: bytes) -> None:
    whole = read([data])
    assert whole[0].content == b"hello"
    assert whole[1] is True
    for cut in range(1, len(data)):
        assert read([data[:cut], data[cut:]]) == whole
    assert read(single(data)) == whole


def test_fields_and_status() -> None:
    reply, _ = read([CHUNKED])
    assert (reply.status, reply.headers["retry-after"]) == (503, "7")
    reply, stays = read([EMPTY])
    assert (reply.status, reply.content, stays) == (204, b"", True)
    reply, stays = read([b"HTTP/1.1 200 OK\r\n\r\n"], is_connect=True)
    assert (reply.content, stays) == (b"", True)
    reply, _ = read([b"HTTP/1.1 407 No\r\ncontent-length: 2\r\n\r\nno"], is_connect=True)
    assert (reply.status, reply.content) == (407, b"no")


@pytest.mark.parametrize(
    "data",
    [
        LENGTH.replace(b"1.1", b"1.0"),
        LENGTH.replace(b"Content-Type: application/json", b"Connection: Keep-Alive, Close"),
        LENGTH + b"HTTP/1.1 200 OK\r\n",
        CHUNKED + b"x",
        EMPTY + b"x",
    ],
    ids=["1.0", "close", "more", "more after chunks", "more after nothing"],
)
def test_a_connection_with_anything_more_is_not_used_again(data: bytes) -> None:
    assert read([data])[1] is False


def test_without_a_length_the_end_is_the_end_of_the_connection() -> None:
    reply, stays = read([OPEN, b" world", b""])
    assert (reply.content, stays) == (b"hello world", False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
        LENGTH.replace(b"content-length: 5", b"content-length : 5"),
        LENGTH.replace(b"content-length: 5", b" folded"),
        LENGTH.replace(b"content-length: 5", b"content-length: 5\r\ncontent-length: 5"),
        LENGTH.replace(b"content-length: 5", b"content-length: 5, 5"),
        LENGTH.replace(b"content-length: 5", b"content-length: +5"),
        LENGTH.replace(b"content-length: 5", b"content-length: -5"),
        LENGTH.replace(b"content-length: 5", b"content-length: \xb2"),
        LENGTH.replace(b"content-length: 5", b"content-length: 5\0"),
        LENGTH.replace(b"content-length: 5", b"content-length: 5\nx: y"),
        LENGTH.replace(b"content-length: 5", b"content-length: 4194305"),
        LENGTH.replace(b"content-length: 5", b"content-length: 99999999999999999999"),
        LENGTH.replace(b"content-length: 5", b"content-length: 6"),
        CHUNKED.replace(b"Chunked", b"gzip, chunked"),
        CHUNKED.replace(b"retry-after:  7 ", b"content-length: 5"),
        CHUNKED.replace(b"retry-after:  7 ", b"transfer-encoding: chunked"),
        CHUNKED.replace(b"1.1", b"1.0"),
        CHUNKED.replace(b"2\r\n", b"-2\r\n", 1),
        CHUNKED.replace(b"2\r\n", b"0x2\r\n", 1),
        CHUNKED.replace(b"2\r\n", b"2 2\r\n", 1),
        CHUNKED.replace(b"2\r\n", b"400001\r\n", 1),
        CHUNKED.replace(b"2\r\n", b"fffffffff\r\n", 1),
        CHUNKED.replace(b"he\r\n", b"hex\n", 1),
        CHUNKED[:-4],
        b"HTTP/1.1 200 OK\r\nx: " + b"x" * 70_000,
    ],
)
def test_what_is_not_plainly_one_answer_is_refused(data: bytes) -> None:
    with pytest.raises(httpcore.RemoteProtocolError):
        read([data, b""])
    with pytest.raises(httpcore.RemoteProtocolError):
        read([*single(data), b""])


def test_what_never_ends_is_given_up() -> None:
    def endless() -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield b"x" * 65536

    with pytest.raises(httpcore.RemoteProtocolError, match="too long"):
        read(endless())


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "a\0", "ä", "a\x7f"])
def test_a_value_cannot_become_another_field(value: str) -> None:
    with pytest.raises(httpcore.LocalProtocolError) as refused:
        fields([("authorization", value)])
    assert value not in str(refused.value)
    assert fields([("accept", "a b"), ("x", "")]) == b"accept: a b\r\nx: \r\n"
