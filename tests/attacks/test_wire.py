"""Requests that two servers would read differently, sent as bytes to the running product: refused, or read once."""

import asyncio

import pytest

from tests.support.territory import Territory

CANARY = b"GET /connexion?canary HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /deconnexion HTTP/1.1\r\nHost: x\r\n"
AMBIGUOUS = {
    "a length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + CANARY,
    "chunks and a length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n0\r\n\r\n" + CANARY,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 43\r\n\r\n" + CANARY,
    "a list of lengths": POST + b"Content-Length: 0, 43\r\n\r\n" + CANARY,
    "a length with a sign": POST + b"Content-Length: +43\r\n\r\n" + CANARY,
    "a length below zero": POST + b"Content-Length: -1\r\n\r\n" + CANARY,
    "chunks that are not the last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + CANARY,
    "chunks by a name with a space": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + CANARY,
    "chunks by an odd name": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + CANARY,
    "a chunk of no size": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n" + CANARY,
    "a chunk of more than is": POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n\r\n" + CANARY,
    "a header on two lines": POST + b"X-A: b\r\n Content-Length: 43\r\n\r\n" + CANARY,
    "a bare carriage return": POST + b"X-A: b\rContent-Length: 43\r\n\r\n" + CANARY,
    "a name that is none": POST + b"X A: b\r\nX\x00B: c\r\n\r\n" + CANARY,
}
ODD = (
    b"GET /connexion HTTP/1.1\r\n\r\n", b"GET http://evil.example/connexion HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /connexion HTTP/1.1\r\nHost: a\r\nHost: evil.example\r\n\r\n", b"CONNECT evil.example:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /static/../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /static/%2e%2e/%2e%2e/build.py HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\xa5\x01\x00", b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 5_000 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"b" * 2_000_000 + b"\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)  # fmt: skip


async def told(territory: Territory, sent: bytes) -> bytes:
    """All that comes back of these bytes until the server closes, or says no more for a while."""
    host, _, port = territory.web.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    answer = b""
    try:
        writer.write(sent)
        await writer.drain()
        while more := await asyncio.wait_for(reader.read(65_536), 0.7):
            answer += more
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return answer


def statuses(answer: bytes) -> list[int]:
    return [int(line.split(b" ")[1]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


async def healthy(territory: Territory) -> None:
    assert statuses(await told(territory, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == [200]


@pytest.mark.parametrize("kind", AMBIGUOUS)
async def test_a_request_of_two_lengths_hides_no_other(territory: Territory, kind: str) -> None:
    answer = await told(territory, AMBIGUOUS[kind])
    assert len(statuses(answer)) <= 1, (kind, answer)
    assert b"canary" not in answer
    await healthy(territory)


async def test_what_is_hardly_a_request_is_refused_and_says_nothing(territory: Territory) -> None:
    for sent in ODD:
        answer = await told(territory, sent)
        assert all(status < 500 for status in statuses(answer)), sent[:80]
        assert b"evil.example" not in answer, sent[:80]
        assert b"root:" not in answer, sent[:80]
        assert b"Traceback" not in answer, sent[:80]
    await healthy(territory)


async def test_an_answer_names_neither_the_server_nor_its_version(territory: Territory) -> None:
    head = (
        (await told(territory, b"GET /connexion HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
        .partition(b"\r\n\r\n")[0]
        .lower()
    )
    assert b"x-powered-by" not in head
    assert b"granian" not in head
    assert b"python" not in head
