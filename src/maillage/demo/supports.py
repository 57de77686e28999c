"""The supports of the coordination team: who is followed since when and how closely, requests that wait, and one support that ended with its report."""

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from maillage.demo.circles import Circle
from maillage.demo.numbers import resource_id
from maillage.demo.personas import DAC, Persona, persona
from maillage.demo.professionals import Professional
from maillage.services.coordination.public import (
    Agreement,
    Asked,
    Delay,
    State,
    answer_for,
    closed,
    ended,
    episode_for,
    moved,
    request_for,
    request_from,
    with_referent,
)

Resource = dict[str, Any]
Staff = Persona | Professional

LEVEL = "urn:maillage:support-level"
LEVELS = (("simple", "Simple"), ("reinforced", "Renforcé"), ("complex", "Complexe"))
PROGRAMMES = ("Diabète complexe", "Insuffisance cardiaque", "Fragilité à domicile", "")
OLD = 65
"""Years from which the programmes but the first are for."""
ASKED = (
    ("return-home", "Retour d’hospitalisation, vit seul, repas et toilette à organiser.", ("assessment", "link"), Delay.TWO_DAYS),
    ("carer", "Aidant épuisé, répit à trouver avant l’hiver.", ("relief", "orientation"), Delay.WEEK),
    ("complex", "Plusieurs intervenants, personne ne sait qui fait quoi.", ("link", "plan"), Delay.WEEK),
    ("rights", "APA à demander, courriers non ouverts.", ("orientation",), Delay.NONE),
)
WAITING: tuple[tuple[str, int, int, State, str], ...] = (
    ("gp", 0, 40, State.NEW, ""),
    ("hospital", 1, 5, State.NEW, ""),
    ("gp", 2, 30, State.WAITING, "Sa fille est-elle informée de la demande, et à quel téléphone la joindre ?"),
    ("social-worker", 3, 120, State.REFUSED, "Relève du service social de secteur, prévenu ce jour : Mme ESQUISSE la rappelle."),
)
"""Of requests: by whom, which of ASKED, how many hours ago, where it stands, what was said."""
REPORT = "Aides en place trois fois par semaine, repas livrés, fille prévenue. Plus de chute depuis juin. Le médecin traitant garde le lien avec l’infirmière."


def followed(circle: Circle, *, at: datetime) -> Iterator[Resource]:
    """The request, its answer and the episode of somebody whom the team supports."""
    rank = circle.person.rank
    if circle.referent is None:
        return
    since = at - timedelta(days=80 if not rank else 20 + (rank * 37) % 480, hours=3)
    request = _request(circle, rank, at=since - timedelta(hours=30 + rank % 40))
    accepted = _answered(request, State.ACCEPTED, "", by=circle.referent, at=since)
    yield request
    yield with_referent(accepted, circle.referent.reference)
    yield _episode(circle, request, circle.referent, since, LEVELS[rank % 3], _programme(circle, at))


def waiting(circles: Sequence[Circle], *, at: datetime) -> Iterator[Resource]:
    """Requests about people whom the team does not follow."""
    for circle, (who, number, hours, state, words) in zip(circles, WAITING, strict=False):
        request = _request(circle, number, at=at - timedelta(hours=hours), who=who)
        yield request
        if words:
            yield _answered(request, state, words, by=persona("coordinator"), at=at - timedelta(hours=hours // 2))
        else:
            yield _task(request)


def over(circle: Circle, *, at: datetime) -> Iterator[Resource]:
    """A support that ended a month ago, with the report that stays in the record."""
    began, end = at - timedelta(days=310), at - timedelta(days=30)
    request = _request(circle, 0, at=began - timedelta(days=2))
    by = persona("coordinator")
    accepted = with_referent(_answered(request, State.ACCEPTED, "", by=by, at=began), by.reference)
    episode = _episode(circle, request, by, began, LEVELS[1], PROGRAMMES[2])
    yield {**request, "status": "completed"}
    yield closed(accepted, reason="goals-met", words="Objectifs atteints", by=by.reference, name=by.name, at=end)
    yield ended(episode, reason="goals-met", at=end)
    title = "Bilan de fin d’appui à la coordination"
    text = f"{title}\nMotif : Objectifs atteints\n\n{REPORT}\n\n{by.name}\n"
    yield {
        "resourceType": "DocumentReference", "id": resource_id("DocumentReference", f"report-{circle.person.id}"), "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11490-0"}], "text": title}, "subject": {"reference": circle.person.reference},
        "date": end.isoformat(), "author": [{"reference": by.reference, "display": by.name}], "custodian": _dac(), "description": title,
        "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "language": "fr-FR", "title": title,
                                    "data": base64.b64encode(text.encode()).decode()}}],
        "context": {"encounter": [{"reference": f"EpisodeOfCare/{episode['id']}"}]},
    }  # fmt: skip


def _programme(circle: Circle, at: datetime) -> str:
    if not circle.person.rank:
        return PROGRAMMES[0]
    return PROGRAMMES[circle.person.rank % len(PROGRAMMES)] if circle.person.age(at.date()) >= OLD else ""


def _request(circle: Circle, number: int, *, at: datetime, who: str = "") -> Resource:
    reason, words, needs, delay = ASKED[number % len(ASKED)]
    asker: Staff = persona(who or "hospital") if who or not circle.gp else circle.gp
    return request_for(
        Asked(reason=reason, words=words, needs=needs, delay=delay, gp_informed="yes" if circle.gp else "none"),
        Agreement(how="spoken", collector=asker.reference, at=at), id=resource_id("ServiceRequest", f"support-{circle.person.id}"), patient=circle.person.id,
        person=circle.person.traits, requester=asker.reference, requester_name=asker.name, team=DAC.reference, team_name=DAC.name, at=at,
    )  # fmt: skip


def _task(request: Resource) -> Resource:
    asked = request_from(request)
    return answer_for(asked, at=asked.asked) | {"id": resource_id("Task", request["id"])}


def _answered(request: Resource, state: State, words: str, *, by: Staff, at: datetime) -> Resource:
    return moved(_task(request), state, words=words, by=by.reference, name=by.name, at=at)


def _episode(
    circle: Circle, request: Resource, referent: Staff, at: datetime, level: tuple[str, str], programme: str
) -> Resource:
    made = episode_for(
        request=request["id"],
        patient=circle.person.id,
        team=DAC.reference,
        team_name=DAC.name,
        referent=referent.reference,
        at=at,
    )
    types = [
        *made["type"],
        {"coding": [{"system": LEVEL, "code": level[0], "display": level[1]}]},
        *([{"text": programme}] if programme else []),
    ]
    return made | {"id": resource_id("EpisodeOfCare", circle.person.id), "type": types}


def _dac() -> Resource:
    return {"reference": DAC.reference, "display": DAC.name}
