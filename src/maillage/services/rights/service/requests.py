"""What people ask of those who hold their data: asked by the person, answered by the officer, or by who signed what is wrong."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from maillage.access.audit import Action
from maillage.access.choices import CHOICES
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.references import local
from maillage.access.signing import signed_among
from maillage.db import load_queries
from maillage.errors import Conflict, Forbidden, Gone, Invalid, NotFound
from maillage.services.rights import rules
from maillage.services.rights.events import OppositionAccepted
from maillage.services.rights.resources import Proof, consent_of
from maillage.services.rights.rules import requests
from maillage.services.rights.service.carers import refuse_unless_in_their_name, today

QUERIES = load_queries("maillage.services.rights")
PAGE, MOST = 50, 200
MOST_OPEN = 20
"""Requests that wait about one record at once: more are put together in words."""
SECONDARY = "secondary-use"
CORRECTABLE = frozenset({"DocumentReference"})
ERASABLE = CORRECTABLE | {"Communication", "QuestionnaireResponse", "Consent", "RelatedPerson"}

Request = dict[str, Any]
"""A row of `rights_request`."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A page of requests; the id after which the next page begins."""

    found: Sequence[Request]
    next: UUID | None


async def ask(ctx: Context, patient: str, kind: str, *, words: str, about: str = "") -> None:
    """The person, or who acts in their name, asks. `about` ("DocumentReference/3") is what is wrong, where it is one thing of theirs.

    Invalid (at `demande`, `mots`, `quoi`) for what cannot be meant; Conflict where too much waits already.
    """
    ctx.require(Permission.CHOICES_MAKE, patient=patient)
    await refuse_unless_in_their_name(ctx, patient)
    words = " ".join(words.split())
    if kind not in requests.KINDS:
        raise Invalid.at("demande", f"one asks for {', '.join(requests.KINDS)}")
    if not requests.FEWEST_LETTERS <= len(words) <= requests.MOST_LETTERS:
        raise Invalid.at("mots", f"{requests.FEWEST_LETTERS} to {requests.MOST_LETTERS} letters")
    if about:
        await _refuse_others(ctx, patient, about, ERASABLE if kind == requests.ERASURE else CORRECTABLE)
    if await ctx.run(QUERIES.requests_open_of, record=patient) >= MOST_OPEN:
        raise Conflict(f"{MOST_OPEN} requests wait already")
    id = uuid4()
    await ctx.run(
        QUERIES.ask, id=id, record=patient, kind=kind, about=about or None, words=words, asked=ctx.now, asked_by=ctx.actor.reference,
        due=requests.due(today(ctx)),
    )  # fmt: skip
    ctx.trace(Action.CREATE, "Task", str(id), patient=patient, query=f"request={kind}")


async def requests_of(ctx: Context, patient: str) -> Sequence[Request]:
    """What was asked about a record, newest first: for the person and who acts in their name."""
    ctx.require(Permission.CHOICES_MAKE, patient=patient)
    await refuse_unless_in_their_name(ctx, patient)
    found: Sequence[Request] = await ctx.run(QUERIES.requests_of, record=patient, count=MOST)
    return found


async def desk(ctx: Context, *, answered: bool, after: str = "") -> Desk:
    """A page for the officer: what waits, the first due first, or what was answered."""
    ctx.require(Permission.REQUESTS_ANSWER)
    ctx.trace(Action.EXECUTE, "Task", None, query="requests")
    query = QUERIES.requests_answered if answered else QUERIES.requests_open
    found = await ctx.run(query, after=_id(after) if after else None, count=PAGE)
    return Desk(found, found[-1]["id"] if len(found) == PAGE else None)


async def mine(ctx: Context) -> Sequence[Request]:
    """The corrections that people ask of what whoever acts signed, the first due first."""
    ctx.require(Permission.CORRECTIONS_ANSWER)
    ctx.trace(Action.EXECUTE, "Task", None, query="requests")
    found = await ctx.run(QUERIES.rectifications_open, count=MOST)
    signed = await signed_among(ctx, {one["about"] for one in found})
    return [one for one in found if one["about"] in signed]


async def answer(ctx: Context, id: str, *, state: str, words: str) -> None:
    """The officer's answer. NotFound; Invalid (at `reponse`, `mots`); Conflict where it was answered meanwhile."""
    ctx.require(Permission.REQUESTS_ANSWER)
    await _answer(ctx, await row_of(ctx, id), state, words)


async def answer_mine(ctx: Context, id: str, *, state: str, words: str) -> None:
    """The author's answer to a correction of what they signed; NotFound to others. Errors as `answer`."""
    ctx.require(Permission.CORRECTIONS_ANSWER)
    row = await row_of(ctx, id)
    if row["about"] is None or row["about"] not in await signed_among(ctx, [row["about"]]):
        raise NotFound(f"no request {id} about what one signed")
    await _answer(ctx, row, state, words)


async def record_opposition(ctx: Context, id: str) -> None:
    """Writes the no that a person asked the officer for: for the reaction."""
    row = await row_of(ctx, id)
    proof = Proof(person=f"Patient/{row['record']}", collector=None, how="written", at=row["answered"])
    await ctx.records.write(consent_of(row["record"], SECONDARY, denied=True, proof=proof))


async def for_care_only(ctx: Context, patients: Iterable[str]) -> set[str]:
    """Those of these people (ids of Patients) whose data serve their care and nothing else: they said no to a secondary use, or its restriction is in force."""
    wanted = sorted(set(patients))
    if not wanted:
        return set()
    asked = {
        "patient": ",".join(f"Patient/{one}" for one in wanted),
        "category": f"{CHOICES}|{SECONDARY}",
        "status": "active",
        "_count": str(MOST),
    }
    said = await ctx.records.find("Consent", asked)
    denied = {str(one["patient"]["reference"]).removeprefix("Patient/") for one in said if one["provision"].get("type") == "deny"}
    return denied | {row["record"] for row in await ctx.run(QUERIES.restricted, records=wanted)}


async def titles(ctx: Context, found: Iterable[Request]) -> dict[str, str]:
    """What the documents are called that requests are about, by reference, as far as whoever acts sees them."""
    ids = sorted({one["about"].partition("/")[2] for one in found if (one["about"] or "").startswith("DocumentReference/")})
    documents = await ctx.records.find("DocumentReference", {"_id": ",".join(ids), "_count": str(MOST)}) if ids else []
    return {f"DocumentReference/{one['id']}": rules.title_of(one) for one in documents}


async def _answer(ctx: Context, row: Request, state: str, words: str) -> None:
    words = " ".join(words.split())
    if not requests.is_answer(row["kind"], state, row["state"]):
        raise Invalid.at("reponse", f"a {row['kind']} that is {row['state']} is not answered {state!r}")
    if not requests.FEWEST_LETTERS <= len(words) <= requests.MOST_LETTERS:
        raise Invalid.at("mots", f"an answer takes {requests.FEWEST_LETTERS} to {requests.MOST_LETTERS} letters")
    by = ctx.actor.name
    if not await ctx.run(QUERIES.answer_request, id=row["id"], state=state, answer=words, now=ctx.now, by=by):
        raise Conflict(f"the request {row['id']} was answered meanwhile")
    ctx.trace(Action.UPDATE, "Task", str(row["id"]), patient=row["record"], query=f"request={state}")
    if (row["kind"], state) == (requests.OPPOSITION, "accepted"):
        ctx.announce(OppositionAccepted(request=str(row["id"])))


async def _refuse_others(ctx: Context, patient: str, about: str, kinds: frozenset[str]) -> None:
    kind, _, id = about.partition("/")
    if local(about) is None or kind not in kinds:
        raise Invalid.at("quoi", f"one thing of theirs is asked about, by its reference: {', '.join(sorted(kinds))}")
    try:
        resource = await ctx.records.read(kind, id)
    except (NotFound, Gone):
        raise Invalid.at("quoi", f"{about} is not in this record") from None
    if (resource.get("subject") or resource.get("patient") or {}).get("reference") != f"Patient/{patient}":
        raise Forbidden(f"{about} is not in this record")


async def row_of(ctx: Context, id: str) -> Request:
    """The row of a request, for the verbs of this service, which say who may. NotFound where there is none."""
    row: Request | None = await ctx.run(QUERIES.request, id=_id(id))
    if row is None:
        raise NotFound(f"no request {id}")
    return row


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"no request has the id {text!r}") from None
