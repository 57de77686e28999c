"""The server and the client over real sockets, with a receiver that only notes what it was handed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from ssl import SSLContext, SSLError

import pytest

from maillage.connectors.mllp.client import Client
from maillage.connectors.mllp.framing import Broken, Fault, framed
from maillage.connectors.mllp.server import Limits, Peer, Server
from maillage.connectors.mllp.tls import client_context, server_context
from maillage.errors import Unavailable
from tests.support.certificates import Authority

ACK = b"MSH|^~\\&|A|B|C|D|1||ACK|1|P|2.5\rMSA|AA|"


class Notes:
    """Answers AA with the message's length, and remembers everything."""

    def __init__(self, *, pause: float = 0) -> None:
        self.received: list[bytes] = []
        self.broken: list[Broken] = []
        self.peers: list[Peer] = []
        self.pause = pause

    async def receive(self, content: bytes, peer: Peer) -> bytes | None:
        await asyncio.sleep(self.pause)
        self.received.append(content)
        self.peers.append(peer)
        return None if content == b"hang up" else b"" if content == b"no answer" else ACK + str(len(content)).encode()

    async def keep(self, broken: Broken, peer: Peer) -> bytes:
        self.broken.append(broken)
        return ACK + b"oversize" if broken.fault is Fault.OVERSIZE else b""


@asynccontextmanager
async def listening(
    notes: Notes, *, limits: Limits | None = None, tls: SSLContext | None = None
) -> AsyncIterator[tuple[Server, int]]:
    server = Server(notes, limits=limits, tls=tls)
    _, port = await server.start("127.0.0.1", 0)
    try:
        yield server, port
    finally:
        await server.stop(grace=5)


async def until(condition: object, *, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_several_messages_on_one_connection_are_answered_in_order() -> None:
    notes = Notes()
    async with listening(notes) as (_, port), await Client.connect("127.0.0.1", port) as client:
        assert (await client.send(b"MSH|1")).value("MSA-2") == "5"
        assert (await client.send(b"MSH|23")).value("MSA-2") == "6"
        first = await client.exchange(framed(b"MSH|a") + framed(b"MSH|bb") + framed(b"MSH|ccc"))
        rest = [await client.answer(), await client.answer()]
    assert [answer[-1:] for answer in (first, *rest)] == [b"5", b"6", b"7"]
    assert notes.received == [b"MSH|1", b"MSH|23", b"MSH|a", b"MSH|bb", b"MSH|ccc"]


async def test_noise_before_a_frame_does_not_stop_the_message() -> None:
    notes = Notes()
    async with listening(notes) as (_, port), await Client.connect("127.0.0.1", port) as client:
        assert await client.exchange(b"noise\x00" + framed(b"MSH|1")) == ACK + b"5"
    assert notes.broken == [Broken(Fault.UNFRAMED, b"noise\x00")]


async def test_a_frame_cut_by_the_end_of_the_connection_is_kept_and_not_answered() -> None:
    notes = Notes()
    async with listening(notes) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x0bMSH|half")
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await until(lambda: notes.broken)
    assert notes.broken == [Broken(Fault.TRUNCATED, b"MSH|half")]
    assert not notes.received


async def test_a_frame_that_stalls_is_kept_and_the_connection_closed() -> None:
    notes = Notes()
    async with listening(notes, limits=Limits(stall=0.1)) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x0bMSH|slow")
        assert await reader.read() == b""
        writer.close()
    assert notes.broken == [Broken(Fault.TRUNCATED, b"MSH|slow")]


async def test_a_large_frame_that_trickles_in_is_given_up_and_leaves_its_turn() -> None:
    notes = Notes()
    async with listening(notes, limits=Limits(large=100, slow=0.3, stall=5)) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x0bMSH|" + b"x" * 200)

        async def trickle() -> None:
            while True:
                writer.write(b"x")
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        with suppress(ConnectionResetError):  # where bytes were still under way
            assert await asyncio.wait_for(reader.read(), 4) == b""
        trickling.cancel()
        writer.close()
        async with await Client.connect("127.0.0.1", port) as next_one:
            assert (await next_one.send(b"MSH|" + b"y" * 500)).value("MSA-1") == "AA"
    assert [broken.fault for broken in notes.broken] == [Fault.TRUNCATED]


async def test_a_connection_may_stay_quiet_between_messages() -> None:
    async with listening(Notes(), limits=Limits(stall=0.05)) as (_, port), await Client.connect("127.0.0.1", port) as client:
        await client.send(b"MSH|1")
        await asyncio.sleep(0.2)
        assert (await client.send(b"MSH|1")).value("MSA-1") == "AA"


async def test_one_machine_does_not_take_the_places_of_all() -> None:
    async with listening(Notes(), limits=Limits(connections=3, from_one_address=2)) as (_, port):
        async with await Client.connect("127.0.0.1", port) as first, await Client.connect("127.0.0.1", port) as second:
            await first.send(b"MSH|1")
            await second.send(b"MSH|1")
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""
            writer.close()
        async with await Client.connect("127.0.0.1", port) as again:
            assert (await again.send(b"MSH|1")).value("MSA-1") == "AA"


async def test_an_oversize_message_is_refused_while_it_is_still_being_sent() -> None:
    notes = Notes()
    async with listening(notes, limits=Limits(message=100_000, large=10_000)) as (_, port):
        async with await Client.connect("127.0.0.1", port) as client:
            assert await client.exchange(b"\x0b" + b"x" * 3_000_000) == ACK + b"oversize"
            with pytest.raises(Unavailable):
                await client.answer()
        async with await Client.connect("127.0.0.1", port) as client:
            assert await client.exchange(framed(b"MSH|next")) == ACK + b"8"
    assert 100_000 < len(notes.broken[0].content) <= 100_000 + 128 * 1024


async def test_large_messages_wait_their_turn_and_small_ones_pass_them() -> None:
    notes = Notes(pause=0.05)
    async with listening(notes, limits=Limits(large=100_000)) as (_, port):
        clients = [await Client.connect("127.0.0.1", port) for _ in range(5)]
        large = [client.exchange(framed(b"L" * 1_000_000)) for client in clients[:4]]
        answers = await asyncio.gather(*large, clients[4].exchange(framed(b"small")))
        for client in clients:
            await client.close()
    assert answers == [ACK + b"1000000"] * 4 + [ACK + b"5"]
    assert notes.received.index(b"small") < 3


async def test_the_receiver_may_answer_nothing_or_hang_up() -> None:
    async with listening(Notes()) as (_, port), await Client.connect("127.0.0.1", port) as client:
        assert await client.exchange(framed(b"no answer") + framed(b"MSH|1")) == ACK + b"5"
        with pytest.raises(Unavailable):
            await client.exchange(framed(b"hang up"))


async def test_a_stop_finishes_the_message_in_hand_and_closes_the_quiet_connections() -> None:
    notes = Notes(pause=0.3)
    async with listening(notes) as (server, port):
        quiet = await Client.connect("127.0.0.1", port)
        busy = await Client.connect("127.0.0.1", port)
        answer = asyncio.create_task(busy.exchange(framed(b"MSH|last")))
        await asyncio.sleep(0.1)
        await server.stop(grace=5)
        assert await answer == ACK + b"8"
        with pytest.raises(Unavailable):
            await quiet.answer()
        with pytest.raises(Unavailable):
            await Client.connect("127.0.0.1", port, timeout=1)
        await quiet.close()
        await busy.close()


async def test_mutual_tls_tells_who_sends_and_refuses_strangers(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    certificate, key = authority.sign("door")
    tls = server_context(certificate=certificate, key=key, client_authority=authority.path)
    notes = Notes()
    async with listening(notes, tls=tls) as (_, port):
        known = client_context(authority=authority.path, certificate=authority.sign("CHU-X")[0], key=tmp_path / "CHU-X.key")
        async with await Client.connect("127.0.0.1", port, tls=known) as client:
            assert (await client.send(b"MSH|1")).value("MSA-1") == "AA"
        for context in (
            client_context(authority=authority.path),
            client_context(authority=authority.path, certificate=stranger.sign("CHU-Z")[0], key=tmp_path / "CHU-Z.key"),
        ):
            with pytest.raises((Unavailable, SSLError)):
                async with await Client.connect("127.0.0.1", port, tls=context) as client:
                    await client.send(b"MSH|1")
    assert [peer.name for peer in notes.peers] == ["CHU-X"]
