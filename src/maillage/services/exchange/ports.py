"""The MLLP door: order within a source, patience when the database is gone, an answer or none. A process of its own."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from ssl import SSLContext
from weakref import WeakValueDictionary

from maillage.access.platform import Platform
from maillage.clock import monotonic
from maillage.config import Config
from maillage.connectors.mllp.framing import Broken, Fault
from maillage.connectors.mllp.server import Limits, Peer, Server
from maillage.connectors.mllp.tls import server_context
from maillage.db import load_queries
from maillage.errors import Conflict, PreconditionFailed, SetupError, Unavailable
from maillage.services.exchange.resources.answers import Refused
from maillage.services.exchange.service.receiving import Arrival, Outcome, header_if_any, keep_broken, receive, refuse

log = logging.getLogger(__name__)
QUERIES = load_queries("maillage.services.exchange")

TRIES = 5
"""How often a message is tried again when something other than the database fails: a lost race, the document store."""
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0


async def serve_mllp(platform: Platform, *, stop: asyncio.Event) -> None:
    """The process of the door: takes messages until `stop` is set, then finishes what is in hand.

    Its database should be opened with little patience (1 s): waiting for it is done here, message by message.
    """
    async with mllp_door(platform) as (host, port):
        log.info("mllp: listening at %s:%d", host, port)
        await stop.wait()


@asynccontextmanager
async def mllp_door(platform: Platform) -> AsyncIterator[tuple[str, int]]:
    """Listens at `config.mllp` inside the block and gives the address bound; leaving it finishes what is in hand."""
    config = platform.config
    door = Door(platform, patience=config.mllp_database_patience, sources=allowed_sources(config.mllp_sources))
    host, _, port = config.mllp.rpartition(":")
    server = Server(door, limits=Limits(message=config.mllp_frame_limit, stall=config.mllp_stall), tls=_tls(config))
    address = await server.start(host, int(port))
    try:
        yield address
    finally:
        await server.stop()


class Door:
    """Answers messages: one after another within a source, whatever the connections they come by."""

    def __init__(self, platform: Platform, *, patience: float, sources: Collection[tuple[str, str]] = ()) -> None:
        """`patience`: seconds during which a message waits for the database before the connection is closed unanswered."""
        self._access = platform.access
        self._database = platform.database
        self._clock = platform.clock
        self._patience = patience
        self._sources = sources
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def receive(self, content: bytes, peer: Peer) -> bytes | None:
        """The answer, b"" when the sender wants none; None when nothing could be written, neither the message nor its refusal."""
        arrival = Arrival(content=content, peer=peer.address, name=peer.name, at=self._clock.now())
        message = header_if_any(content)
        turn = self._turns.setdefault(message.source if message else "", asyncio.Lock())
        async with turn:
            outcome = await self._settle(arrival)
        return outcome.answer if outcome else None

    async def keep(self, broken: Broken, peer: Peer) -> bytes:
        """Quarantine for what is no whole frame; an oversize message is answered AR, the rest by nothing."""
        arrival = Arrival(content=broken.content, peer=peer.address, name=peer.name, at=self._clock.now())
        if broken.fault is Fault.OVERSIZE:
            refused = Refused("le message dépasse la taille reçue", error="207", segment="MSH", code="AR")
            outcome = await self._insist(arrival, refused, reason="oversize")
            return outcome.answer if outcome else b""
        if broken.fault is Fault.TRUNCATED or header_if_any(broken.content):
            await self._insist_keeping(arrival, broken)
        return b""

    async def _settle(self, arrival: Arrival) -> Outcome | None:
        """Until the message is accepted or refused for good, or the database has been gone for too long."""
        patience = _Patience(self._patience)
        while True:
            try:
                return await receive(self._access, arrival, sources=self._sources)
            except (Unavailable, Conflict, PreconditionFailed) as fault:
                refused = Refused.internal(fault)
            except Exception as fault:  # noqa: BLE001  # the edge of the process: whatever fails, the original is kept
                _report(fault)
                return await self._insist(arrival, Refused.internal(fault))
            if await self._database_answers() and not patience.try_again():
                return await self._insist(arrival, refused)
            if not await patience.pause():
                log.error("mllp: a message was left unanswered: %s", refused.text)
                return None

    async def _insist(self, arrival: Arrival, refused: Refused, *, reason: str | None = None) -> Outcome | None:
        """Refuse, waiting for the database; None when it stayed away."""
        patience = _Patience(self._patience)
        while True:
            try:
                return await refuse(self._access, arrival, refused, reason=reason)
            except Exception as fault:  # noqa: BLE001  # the edge of the process: unanswered is the one honest answer left
                _report(fault)
                if not isinstance(fault, Unavailable) or not await patience.pause():
                    log.error("mllp: a refused message could not be kept and was left unanswered")  # noqa: TRY400  # reported above
                    return None

    async def _insist_keeping(self, arrival: Arrival, broken: Broken) -> None:
        patience = _Patience(self._patience)
        while True:
            try:
                return await keep_broken(self._access, arrival, broken)
            except Exception as fault:  # noqa: BLE001  # the edge of the process: its sender got no answer and sends it again
                _report(fault)
                if not isinstance(fault, Unavailable) or not await patience.pause():
                    return None

    async def _database_answers(self) -> bool:
        try:
            async with self._database.transaction() as connection:
                await QUERIES.open_count(connection)
        except Unavailable:
            return False
        return True


class _Patience:
    """How long to wait for the database, and how often to try again when it is not at fault."""

    def __init__(self, seconds: float) -> None:
        self._end = monotonic() + seconds
        self._pause = FIRST_PAUSE
        self._tries = 0

    def try_again(self) -> bool:
        self._tries += 1
        return self._tries < TRIES

    async def pause(self) -> bool:
        """Wait, a little longer each time; False when the time is over."""
        if monotonic() >= self._end:
            return False
        await asyncio.sleep(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return True


def allowed_sources(text: str) -> frozenset[tuple[str, str]]:
    """`CN=application|facility;…` as pairs (CN, source); a malformed entry is a SetupError that shows it."""
    pairs = [entry.strip().partition("=") for entry in text.split(";") if entry.strip()]
    for name, _, source in pairs:
        if not name or source.count("|") != 1:
            raise SetupError(f"MAILLAGE_MLLP_SOURCES: {name}={source} is not of the form CN=application|facility")
    return frozenset((name, source) for name, _, source in pairs)


def _tls(config: Config) -> SSLContext | None:
    if config.mllp_sources and not (config.mllp_tls_certificate and config.mllp_tls_client_ca):
        raise SetupError(
            "MAILLAGE_MLLP_SOURCES needs MAILLAGE_MLLP_TLS_CERTIFICATE and MAILLAGE_MLLP_TLS_CLIENT_CA: without, nobody shows who they are"
        )
    if not config.mllp_tls_certificate:
        return None
    authority = Path(config.mllp_tls_client_ca) if config.mllp_tls_client_ca else None
    return server_context(
        certificate=Path(config.mllp_tls_certificate), key=Path(config.mllp_tls_key), client_authority=authority
    )


def _report(fault: BaseException) -> None:
    """Where it failed, without the words of the error: they may hold what a message says about a person."""
    place = traceback.extract_tb(fault.__traceback__)[-1] if fault.__traceback__ else None
    log.error("mllp: %s at %s:%s", type(fault).__name__, place.filename if place else "?", place.lineno if place else 0)
