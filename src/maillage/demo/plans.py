"""The plan of the official test patient: two versions, a disagreement, a meeting to come. Written as any software would, by FHIR."""

from datetime import datetime, timedelta
from typing import Any

from maillage.access.context import Context
from maillage.demo.numbers import resource_id
from maillage.demo.people import PAT_TROIS
from maillage.demo.personas import persona

Resource = dict[str, Any]

PLAN = resource_id("CarePlan", PAT_TROIS.id)
PERSON = {"reference": PAT_TROIS.reference}
NUMBER = "urn:maillage:plan-version"


async def write_plan(ctx: Context) -> None:
    """The goals, the tasks and the first version, then the second: so the history holds both."""
    at = ctx.now
    tasks = _tasks(at)
    await ctx.records.write_all([*_goals(at), *tasks])
    first: Resource = await ctx.records.write(_plan(at, tasks[:2]))
    later = _plan(at, tasks) | {"id": PLAN, "meta": {"versionId": first["meta"]["versionId"]}, "description": SITUATION}
    await ctx.records.write(later | {"extension": [{"url": NUMBER, "valuePositiveInt": 2}]})
    await ctx.records.write_all([*_words(at), _meeting(at)])


SITUATION = "Diabète de type 2 avec une plaie du pied droit. Vit avec Claude, qui travaille et aide beaucoup. Logement au deuxième étage sans ascenseur."


def _named(role: str) -> Resource:
    one = persona(role)
    return {"reference": one.reference, "display": one.name}


def _goal(key: str, words: str, at: datetime, **more: Any) -> Resource:
    return {
        "resourceType": "Goal", "id": resource_id("Goal", key), "lifecycleStatus": "active", "subject": PERSON, "description": {"text": words},
        "startDate": (at - timedelta(days=80)).date().isoformat(),
    } | more  # fmt: skip


def _goals(at: datetime) -> list[Resource]:
    own = {"category": [{"coding": [{"system": "urn:maillage:goal", "code": "own-words"}]}], "expressedBy": PERSON,
           "note": [{"text": f"Recueilli par {persona('coordinator').name} à domicile"}]}  # fmt: skip
    return [
        _goal("own", "Remarcher jusqu’au jardin avant le printemps, et ne pas retourner à l’hôpital. Claude fait déjà beaucoup.", at, **own),
        _goal("wound", "Fermer la plaie du pied", at, target=[_target("Surface de la plaie", "sous 1 cm²", at, 55)]),
        _goal("diabetes", "Stabiliser le diabète et protéger les reins", at, target=[_target("HbA1c", "entre 7 et 7,5 %", at, 100)]),
        _goal("carer", "Alléger Claude", at, expressedBy=PERSON, target=[_target("Temps libre", "deux après-midi par semaine", at, 100)]),
        _goal("work", "Reprendre le travail", at, lifecycleStatus="rejected", statusReason="Elle préfère attendre que la plaie soit fermée"),
    ]  # fmt: skip


def _target(measure: str, aim: str, at: datetime, days: int) -> Resource:
    return {"measure": {"text": measure}, "detailString": aim, "dueDate": (at + timedelta(days=days)).date().isoformat()}


def _tasks(at: datetime) -> list[Resource]:
    """(key, what, how, who, goal, days until its deadline, status)."""
    asked = (
        ("dressing", "Pansement", "un jour sur deux", "nurse", "wound", 30, "in-progress"),
        ("gp", "Suivi de l’HbA1c et des reins", "tous les 3 mois", "gp", "diabetes", 20, "accepted"),
        ("rights", "Droits : AAH et carte mobilité (MDPH)", "deux pièces manquent", "social-worker", "carer", 17, "requested"),
    )
    return [_task(at, *one) for one in asked]


def _task(at: datetime, key: str, what: str, how: str, who: str, goal: str, days: int, status: str) -> Resource:
    return {
        "resourceType": "Task", "id": resource_id("Task", f"plan-{key}"), "status": status, "intent": "plan", "priority": "routine",
        "basedOn": [{"reference": f"CarePlan/{PLAN}"}], "code": {"coding": [{"system": "urn:maillage:task", "code": "plan/action"}], "text": what},
        "description": how, "for": PERSON, "owner": _named(who), "requester": _named("coordinator"),
        "reasonReference": {"reference": f"Goal/{resource_id('Goal', goal)}"}, "authoredOn": (at - timedelta(days=11)).isoformat(),
        "restriction": {"period": {"end": (at + timedelta(days=days)).isoformat()}},
    }  # fmt: skip


def _plan(at: datetime, tasks: list[Resource]) -> Resource:
    waiting = {"id": "semelle", "detail": {"status": "not-started", "code": {"text": "Semelle de décharge"},
                                          "goal": [{"reference": f"Goal/{resource_id('Goal', 'wound')}"}],
                                          "scheduledPeriod": {"end": (at + timedelta(days=10)).date().isoformat()}}}  # fmt: skip
    alert = {"detail": {"status": "in-progress", "code": {"coding": [{"system": "urn:maillage:plan", "code": "alert-procedure"}]},
                        "description": "Plaie rouge ou fièvre : appeler le cabinet infirmier le jour même ; la nuit, le 15."}}  # fmt: skip
    return {
        "resourceType": "CarePlan", "id": PLAN, "status": "active", "intent": "plan", "subject": PERSON, "title": "Diabète complexe",
        "category": [{"coding": [{"system": "urn:maillage:plan", "code": "ppcs"}]}], "author": _named("coordinator"),
        "period": {"start": (at - timedelta(days=80)).date().isoformat(), "end": (at + timedelta(days=21)).date().isoformat()},
        "goal": [{"reference": f"Goal/{resource_id('Goal', key)}"} for key in ("own", "wound", "diabetes", "carer", "work")],
        "activity": [*({"reference": {"reference": f"Task/{one['id']}"}} for one in tasks), waiting, alert],
        "extension": [{"url": NUMBER, "valuePositiveInt": 1}],
    }  # fmt: skip


def _words(at: datetime) -> list[Resource]:
    """The person agrees with the plan, and contests one point of it."""
    common = {
        "resourceType": "Communication", "status": "completed", "subject": PERSON, "basedOn": [{"reference": f"CarePlan/{PLAN}"}],
        "category": [{"coding": [{"system": "urn:maillage:communication", "code": "plan-position"}]}], "sender": _named("coordinator"),
        "medium": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode", "code": "FACE"}]}],
        "sent": (at - timedelta(days=11)).isoformat(timespec="milliseconds"),
        "extension": [{"url": "urn:maillage:position-of", "valueReference": PERSON}, {"url": NUMBER, "valuePositiveInt": 2}],
    }  # fmt: skip
    agreed = {
        "id": resource_id("Communication", "plan-agreed"),
        "topic": _topic("agreed"),
        "about": [{"reference": f"CarePlan/{PLAN}"}],
    }
    contested = {
        "id": resource_id("Communication", "plan-contested"), "topic": _topic("contested"),
        "about": [{"reference": f"Goal/{resource_id('Goal', 'carer')}"}], "payload": [{"contentString": "Je ne veux pas que quelqu’un vienne tous les jours à la maison."}],
    }  # fmt: skip
    return [common | agreed, common | contested]


def _topic(code: str) -> Resource:
    return {"coding": [{"system": "urn:maillage:plan-position", "code": code}]}


def _meeting(at: datetime) -> Resource:
    start = (at + timedelta(days=10)).replace(hour=12, minute=30, second=0)
    guests = (("coordinator", "accepted"), ("gp", "accepted"), ("nurse", "needs-action"), ("social-worker", "needs-action"))
    return {
        "resourceType": "Appointment", "id": resource_id("Appointment", "concertation"), "status": "booked",
        "serviceType": [{"coding": [{"system": "urn:maillage:meeting", "code": "concertation"}], "text": "Concertation"}],
        "description": "Comment alléger Claude sans passage quotidien ?", "comment": "https://visio.example/concertation",
        "start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat(), "supportingInformation": [{"reference": f"CarePlan/{PLAN}"}],
        "extension": [{"url": "urn:maillage:meeting-quorum", "valuePositiveInt": 3}],
        "participant": [{"actor": PERSON, "status": "accepted"}, *({"actor": _named(who), "status": said} for who, said in guests)],
    }  # fmt: skip
