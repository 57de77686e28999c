"""Assessments of a person: begun from the record, saved as one goes, finished, amended with history, compared."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Conflict, Gone, Invalid, MaillageError, NotFound, PreconditionFailed
from maillage.fhir.change import Change, Verb
from maillage.services.assessment.forms import answers as forms
from maillage.services.assessment.resources import assessment as resources
from maillage.services.assessment.resources.assessment import OPEN, RECORDED, WRONG, Result, result_of
from maillage.services.assessment.resources.questionnaire import Form
from maillage.services.assessment.resources.response import Nodes, every, items_from, nodes_from
from maillage.services.assessment.rules import checking, meeting
from maillage.services.assessment.rules.filling import Filled, filled, wrong
from maillage.services.assessment.rules.populating import populated, queries, search_of
from maillage.services.assessment.service import library
from maillage.services.identity import public as identity
from maillage.ui import Banner

Resource = dict[str, Any]
_IDS = uuid.UUID("6f1f4a30-4f52-4e0f-9a5c-0f6c5f1f2c62")
MOST = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One assessment in a list; `form` None where this version is not known here any more: then it is read by its own words."""

    response: Resource
    title: str
    result: Result
    form: Form | None


@dataclass(frozen=True, slots=True)
class Assessed:
    """The assessments of a person, newest first, and what may be begun."""

    banner: Banner
    begun: list[Line]
    done: list[Line]
    offered: list[Form]


@dataclass(frozen=True, slots=True)
class Assessment:
    """One assessment as its page shows it. `faults` and `typed` are by the name of a node, `changes` what somebody else wrote meanwhile."""

    banner: Banner
    response: Resource
    form: Form
    done: Filled
    faults: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)
    changes: Sequence[tuple[str, str, str | None]] = ()

    @property
    def result(self) -> Result:
        """What it comes to so far."""
        return result_of(self.done.nodes)


async def of_person(ctx: Context, *, patient: str) -> Assessed:
    """What was assessed of a person, and what is offered."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    banner = await identity.banner(ctx, patient)
    people = ",".join(f"Patient/{one}" for one in await identity.identities_of(ctx, patient))
    found = await ctx.records.find("QuestionnaireResponse", [("patient", people), ("_sort", "-authored"), ("_count", str(MOST))])
    shelf = await library.shelf(ctx)
    lines = [line for one in found if one["status"] != WRONG and "questionnaire" in one if (line := _line(shelf, one))]
    begun, done = ([one for one in lines if one.response["status"] in states] for states in ({OPEN}, RECORDED))
    return Assessed(banner, begun, done, shelf.offered())


def _line(shelf: library.Shelf, response: Resource) -> Line | None:
    try:
        form = shelf.named(response["questionnaire"])
        return Line(response, form.title, result_of(nodes_from(form, response)), form)
    except NotFound:
        return None
    except Invalid:
        return Line(response, response["questionnaire"].partition("|")[0].rpartition("/")[2], Result((), ()), None)


async def begin(ctx: Context, *, patient: str, url: str, key: str) -> str:
    """Begins an assessment with what the record knows; the id of the response. `key` is the one-time key of the form: sent twice, it is begun once."""
    ctx.require(Permission.RECORD_WRITE, patient=patient)
    form = library.to_begin(await library.named(ctx, url))
    try:
        id = str(uuid.uuid5(_IDS, f"{uuid.UUID(key)}|{patient}|{ctx.actor.reference}"))
    except ValueError:
        raise Invalid.at("cle", "the key of a form is a UUID") from None
    known = await known_of(ctx, form, patient)
    nodes, _ = populated(form, known=known, now=ctx.now)
    done = filled(form, nodes, known=known, now=ctx.now)
    response = resources.new(form, done.nodes, id=id, patient=patient, by=author(ctx), at=ctx.now)
    try:
        async with ctx.savepoint():
            await ctx.records.write_changes([Change(Verb.CREATE, response)])
    except (Conflict, PreconditionFailed):
        await response_of(ctx, patient, id)
    return id


async def read(ctx: Context, *, patient: str, id: str) -> Assessment:
    """One assessment, computed as its answers stand. NotFound where it is another's; Invalid where its version of the form is not known here."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    banner = await identity.banner(ctx, patient)
    response = await response_of(ctx, patient, id)
    form = await library.named(ctx, response["questionnaire"])
    nodes = nodes_from(form, response)
    return Assessment(banner, response, form, filled(form, nodes, known=await known_of(ctx, form, patient), now=ctx.now))


async def save(ctx: Context, *, patient: str, id: str, version: str, sent: forms.Sent, finish: bool) -> tuple[Assessment, bool]:
    """As `saved`, by a professional."""
    ctx.require(Permission.RECORD_WRITE, patient=patient)
    response = await response_of(ctx, patient, id)
    if response["status"] == OPEN and resources.is_the_persons(response):
        raise Conflict(
            "the person is answering this: it is not written in for them", french="La personne est en train d’y répondre."
        )
    return await saved(ctx, patient=patient, id=id, version=version, sent=sent, finish=finish)


async def saved(ctx: Context, *, patient: str, id: str, version: str, sent: forms.Sent, finish: bool) -> tuple[Assessment, bool]:
    """Writes what was answered over the `version` that was read, and whether it was written. What cannot be read is not, and asked again; `finish` asks that nothing be missing.
    A question that somebody else answered differently meanwhile is shown, and nothing is written. The guard of the type announces what is finished (`guarding`)."""
    banner = await identity.banner(ctx, patient)
    response = await response_of(ctx, patient, id)
    form = await library.named(ctx, response["questionnaire"])
    theirs, known = nodes_from(form, response), await known_of(ctx, form, patient)
    base = nodes_from(form, await _as_read(ctx, response, version))
    got = forms.read(form, sent, before=base)
    met = meeting.met(base, got.nodes, theirs) if version != response["meta"]["versionId"] else meeting.Met(got.nodes, [])
    done = filled(form, met.nodes, known=known, now=ctx.now)
    faults = {**checking.faults(done), **got.faults} | (
        {} if not finish else wrong(form, done, known=known, now=ctx.now) | checking.missing(done)
    )
    typed = {node.name: one for node in every(done.nodes) if node.name in faults for one in forms.typed(node)[:1]}
    shown = Assessment(banner, response, form, done, faults, {**typed, **got.typed}, met.changes)
    if met.changes or (faults and finish):
        return shown, False
    kept = _without(done, faults, form, known, ctx)
    status = ("amended" if response["status"] in RECORDED else "completed") if finish else response["status"]
    if response["status"] in RECORDED and not finish:
        return shown, False
    whole = resources.answered(response, kept.items, status=status, by=author(ctx), at=ctx.now)
    if whole.get("item") == response.get("item") and status == response["status"]:
        return replace(shown, done=kept), True
    written = await ctx.records.write(whole)
    return replace(shown, response=written, done=kept), True


async def withdraw(ctx: Context, *, patient: str, id: str, version: str) -> None:
    """Says that an assessment was written by mistake: it leaves the record with what was taken from it, and its history stays."""
    ctx.require(Permission.RECORD_WRITE, patient=patient)
    response = await response_of(ctx, patient, id)
    if response["status"] == WRONG:
        return
    meta = {**response["meta"], "versionId": version or response["meta"]["versionId"]}
    await ctx.records.write(resources.withdrawn({**response, "meta": meta}))


async def alike(ctx: Context, *, patient: str, url: str) -> tuple[Banner, Form, list[Assessment]]:
    """The finished assessments of a person with one form, newest first, at most six: over time, and between those who assessed."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    banner = await identity.banner(ctx, patient)
    form = await library.named(ctx, url)
    people = ",".join(f"Patient/{one}" for one in await identity.identities_of(ctx, patient))
    asked = [
        ("patient", people),
        ("questionnaire", form.canonical),
        ("status", ",".join(sorted(RECORDED))),
        ("_sort", "-authored"),
        ("_count", "6"),
    ]
    found = await ctx.records.find("QuestionnaireResponse", asked)
    read_ = [(one, nodes_from(form, one)) for one in found]
    return banner, form, [Assessment(banner, one, form, Filled(nodes, items_from(nodes))) for one, nodes in read_]


async def known_of(ctx: Context, form: Form, patient: str) -> dict[str, Any]:
    """What the expressions of a form may look at: the person, and what its queries find in what whoever fills it in may see."""
    known: dict[str, Any] = {"patient": await ctx.records.read("Patient", patient)}
    for query in queries(form):
        kind, asked = search_of(query, known=known, now=ctx.now)
        try:
            page = await ctx.records.search(
                kind, [pair for pair in asked if pair[0] != "_count"] + [("_count", dict(asked).get("_count", "20"))]
            )
            found = page.matches
        except MaillageError as fault:
            raise Invalid.at(f"variable({query.name})", str(fault)) from fault
        known[query.name] = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in found]}
    return known


def _without(done: Filled, faults: Mapping[str, str], form: Form, known: Mapping[str, Any], ctx: Context) -> Filled:
    """What is kept of a draft: what may not be the answer is shown again and not written."""
    if not faults:
        return done
    return filled(form, _emptied(done.nodes, frozenset(faults)), known=known, now=ctx.now)


def _emptied(nodes: Nodes, names: frozenset[str]) -> Nodes:
    return tuple(
        replace(one, answers=() if one.name in names else one.answers, nodes=_emptied(one.nodes, names)) for one in nodes
    )


async def response_of(ctx: Context, patient: str, id: str) -> Resource:
    """A response of this record; NotFound where it is another's."""
    response = await ctx.records.read("QuestionnaireResponse", id)
    own = {f"Patient/{one}" for one in await identity.identities_of(ctx, patient)}
    if response.get("subject", {}).get("reference") not in own or "questionnaire" not in response:
        raise NotFound(f"QuestionnaireResponse/{id} is not of this record")
    return response


async def _as_read(ctx: Context, response: Resource, version: str) -> Resource:
    if version == response["meta"]["versionId"]:
        return response
    if not (version.isdecimal() and len(version) < 10):
        raise Invalid.at("version", "the version of the assessment that was read is missing")
    try:
        return (await ctx.records.vread_raw("QuestionnaireResponse", response["id"], int(version))).resource
    except (NotFound, Gone):
        raise Invalid.at("version", f"there is no version {version} of this assessment") from None


def author(ctx: Context) -> Resource:
    """Whoever acts, as author of what they answer."""
    return {"reference": ctx.actor.reference, "display": ctx.actor.name} if ctx.actor.reference else {"display": ctx.actor.name}


def answered_of(done: Filled) -> tuple[int, int]:
    """How many questions are answered, of how many that are asked."""
    asked = [
        one
        for one in every(done.nodes)
        if one.item.answers and not one.item.read_only and not one.item.hidden and one.name not in done.disabled
    ]
    return sum(1 for one in asked if one.answers), len(asked)
