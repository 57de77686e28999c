"""Receives a message: read, decide, hand to its handler, record and answer in one transaction; what is refused is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from uuid import uuid4

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.purpose import Purpose
from maillage.connectors.mllp.er7 import Malformed, Message, header, read
from maillage.connectors.mllp.framing import Broken, Fault
from maillage.db import load_queries
from maillage.errors import Conflict
from maillage.services.exchange import rules
from maillage.services.exchange.resources.answers import Answer, Handled, Refused, acknowledgement, header_of
from maillage.services.exchange.service import routes

QUERIES = load_queries("maillage.services.exchange")

FULL_ACCESS = frozenset({"system/*.*"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Bytes as they came: from which address, by the holder of which certificate (its CN, or None), when."""

    content: bytes
    peer: str
    at: datetime
    name: str | None = None

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.content).digest()


@dataclass(frozen=True, slots=True)
class Original:
    """What names a refused message: its source, its control id, its bytes."""

    source: str
    control_id: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """The code of the answer (AA, AE, AR), its bytes, and the message as far as it could be read."""

    code: str
    answer: bytes
    message: Message | None
    refused: Refused | None = None


async def receive(access: Access, arrival: Arrival, *, sources: Collection[tuple[str, str]] = ()) -> Outcome:
    """The answer to a message. AA is returned only once the business writes and the record of the answer are committed.

    The same bytes of the same source and control id get the first answer again and write nothing. `sources`: the (CN, source)
    pairs that may send; empty lets everyone who can connect. Raises Unavailable when the database or the document store
    does not answer, Conflict when another message won a race: nothing is written then, and the call may be repeated.
    """
    try:
        message = readable(arrival, sources=sources)
    except Refused as refused:
        return await refuse(access, arrival, refused)
    try:
        return await accept(access, arrival, message)
    except Refused as refused:
        return await refuse(access, arrival, refused)


def readable(arrival: Arrival, *, sources: Collection[tuple[str, str]] = ()) -> Message:
    """The message in these bytes; Refused when it cannot be read or its header forbids to take it."""
    try:
        message = read(arrival.content)
    except Malformed as fault:
        raise Refused.malformed(fault) from fault
    if not rules.may_speak_for(arrival.name, message.source, sources):
        raise Refused.at(
            "MSH-4",
            f"le certificat « {arrival.name} » ne permet pas d'envoyer au nom de {message.source}",
            error="204",
            code="AR",
        )
    if refused := rules.refusal(header_of(message), routes.types()):
        raise refused
    return message


async def accept(access: Access, arrival: Arrival, message: Message, *, corrects: Original | None = None) -> Outcome:
    """Hand the message to its handler and record its acceptance, in one transaction.

    `corrects`: the refused original that this message replaces; its sender gets this answer from now on.
    """
    async with access.act(sender(message.source), Purpose.TREAT) as ctx:
        ctx.require(Permission.MESSAGE_RECEIVE)
        earlier = await ctx.run(
            QUERIES.accepted_before, source=message.source, control_id=message.control_id, sha256=arrival.sha256
        )
        if earlier:
            return Outcome("AA", bytes(earlier["answer"]), message)
        handled = await routes.handler_of(message.type)(ctx, message)
        answer = answer_bytes(Answer("AA", note=handled.note), message, at=ctx.now)
        await record_accepted(ctx, arrival, message, handled, answer)
        if corrects:
            await ctx.run(QUERIES.settle_replayed, answer=answer, **asdict(corrects))
    return Outcome("AA", answer, message)


async def record_accepted(ctx: Context, arrival: Arrival, message: Message, handled: Handled, answer: bytes) -> None:
    """One line per accepted message; Conflict when the same bytes were accepted meanwhile."""
    line = await ctx.run(
        QUERIES.accept,
        **_identity(arrival, message),
        size=len(arrival.content),
        answer=answer,
        patient=handled.patient,
        records=list(handled.records),
        received_at=arrival.at,
    )
    if line is None:
        raise Conflict("the same message was accepted meanwhile", french="le même message a été accepté entre-temps")


async def refuse(access: Access, arrival: Arrival, refused: Refused, *, reason: str | None = None) -> Outcome:
    """Keep the original in quarantine, record the answer, and return it."""
    message = header_if_any(arrival.content)
    async with access.act(sender(message.source if message else ""), Purpose.TREAT) as ctx:
        answer = answer_bytes(Answer(refused.answer_code, refused), message, at=ctx.now)
        await ctx.run(
            QUERIES.refuse,
            **_identity(arrival, message),
            size=len(arrival.content),
            code=refused.answer_code,
            answer=answer,
            received_at=arrival.at,
        )
        await _keep(ctx, arrival, message, refused, reason or _reason(refused), refused.answer_code)
    return Outcome(refused.answer_code, answer, message, refused)


async def keep_broken(access: Access, arrival: Arrival, broken: Broken) -> None:
    """Keep in quarantine what was read of a frame that never ended: there is no one to answer."""
    message = header_if_any(arrival.content)
    words = {
        Fault.TRUNCATED: "la connexion s'est interrompue au milieu d'un message",
        Fault.UNFRAMED: "un message est arrivé hors de toute trame (sans 0x0B devant)",
        Fault.OVERSIZE: "le message dépasse la taille reçue",
    }
    refused = Refused(words[broken.fault], error="207", segment="MSH")
    async with access.act(sender(message.source if message else ""), Purpose.TREAT) as ctx:
        await _keep(ctx, arrival, message, refused, broken.fault.value, None)


async def _keep(ctx: Context, arrival: Arrival, message: Message | None, refused: Refused, reason: str, code: str | None) -> None:
    await ctx.run(
        QUERIES.quarantine,
        **_identity(arrival, message),
        original=arrival.content,
        reason=reason,
        code=code,
        error=refused.error,
        text=refused.text,
        received_at=arrival.at,
        **refused.place._asdict(),
    )


def sender(source: str) -> Actor:
    """The machine that speaks for a source, as the audit names it."""
    return Actor(
        id=f"mllp:{source}", kind=ActorKind.SYSTEM, name=source or "?", roles=frozenset({Role.SYSTEM}), scopes=FULL_ACCESS
    )


def header_if_any(content: bytes) -> Message | None:
    """The message as far as its header; None when there is not even that."""
    try:
        return header(content)
    except Malformed:
        return None


def answer_bytes(answer: Answer, message: Message | None, *, at: datetime) -> bytes:
    """The acknowledgement the sender wants, under a control id of ours (20 characters, the most that version 2.5 allows).

    Empty when the sender wants none (MSH-15, MSH-16).
    """
    asked = (message.value("MSH-15"), message.value("MSH-16")) if message else ("", "")
    code = rules.answer_wanted(answer.code, *asked)
    return acknowledgement(replace(answer, code=code), message, identifier=uuid4().hex[:20], at=at) if code else b""


def _identity(arrival: Arrival, message: Message | None) -> dict[str, object]:
    """Who sent which message, in the columns that both tables share. PostgreSQL text holds no NUL."""
    known = (message.source, message.control_id, message.type) if message else ("", "", "")
    source, control_id, kind = (text.replace("\0", "") for text in known)
    return {"source": source, "control_id": control_id, "type": kind, "sha256": arrival.sha256, "peer": arrival.peer}


def _reason(refused: Refused) -> str:
    return "failed" if refused.error == "207" else "refused"
