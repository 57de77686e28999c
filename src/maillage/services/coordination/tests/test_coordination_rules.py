"""Whose task it is, what is late, what a record shows first."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from maillage.fhir import ids, json
from maillage.fhir.change import Operation, Stored
from maillage.services.coordination import rules
from maillage.services.coordination.resources import constants, telling, timeline
from maillage.services.coordination.resources.caseload import Support, due_from, person_from, support_from
from maillage.services.coordination.resources.task import Task, is_planned, task_for, task_from, with_status
from maillage.services.directory.public import Member

NOW = datetime(2026, 11, 23, 8, 40, tzinfo=UTC)


def member(reference: str, kind: Any = "care", organization: str | None = None) -> Member:
    return Member(reference=reference, name="X", title="", kind=kind, organization=organization, organization_name="", email=None)


def resource(**other: Any) -> dict[str, Any]:
    values = {
        "patient": "p", "owner": "Organization/dac", "code": "return-home/call", "title": "Appel", "description": "",
        "focus": "Encounter/1", "due": NOW, "at": NOW, "origin": "o",
    }  # fmt: skip
    return {"id": "t", **task_for(**{**values, **other})}


def held(kind: str, resource: dict[str, Any]) -> Stored:
    """A resource as the store holds it."""
    return Stored(kind, resource["id"], 1, NOW, None, Operation.CREATE, json.dumps(resource))


def task(**other: Any) -> Task:
    return task_from(resource(**other))


def test_the_task_goes_to_the_coordination_team_of_the_circle() -> None:
    circle = [member("Practitioner/gp"), member("Organization/dac", "coordination")]
    assert rules.team_of(circle) == "Organization/dac"


def test_a_coordinator_alone_stands_for_their_organisation() -> None:
    assert rules.team_of([member("Practitioner/lise", "coordination", "Organization/dac")]) == "Organization/dac"


def test_without_a_coordination_team_there_is_no_task() -> None:
    assert rules.team_of([member("Practitioner/gp")]) is None


def test_the_letter_and_the_end_of_the_stay_are_one_return_home() -> None:
    assert rules.already_planned([task(at=NOW - timedelta(days=2))], now=NOW)
    assert not rules.already_planned([task(at=NOW - timedelta(days=8))], now=NOW)


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(hours=-1), ""),
        (timedelta(minutes=20), "en retard d’une heure"),
        (timedelta(hours=3), "en retard de 3 h"),
        (timedelta(days=1, hours=2), "en retard d’un jour"),
        (timedelta(days=2), "en retard de 2 jours"),
    ],
)
def test_late_is_said_in_words(ago: timedelta, words: str) -> None:
    assert rules.delay(task(due=NOW - ago), NOW) == words


def test_what_is_done_is_never_late() -> None:
    done = with_status(resource(due=NOW - timedelta(days=3)), "completed", by="Practitioner/x", at=NOW)
    assert rules.delay(task_from(done), NOW) == ""


def test_the_caseload_begins_with_the_nearest_deadline_then_with_news() -> None:
    people = [person_from(held("Patient", {"id": i, "name": [{"family": i}]})) for i in ("calm", "news", "later", "soon")]
    tasks = due_from(
        held("Task", one)
        for one in (
            resource(patient="later", due=NOW + timedelta(days=3)),
            resource(patient="soon", due=NOW + timedelta(days=1)),
            resource(patient="soon", due=NOW + timedelta(hours=3)),
        )
    )
    letter = Stored("DocumentReference", "d", 1, NOW, ids.key("news"), Operation.CREATE, b"{}")
    lines = rules.caseload(people, tasks, {"news": letter}, {"calm": {"alerts": 2}})
    assert [(line.person.id, line.open, line.alerts) for line in lines] == [
        ("soon", 2, 0),
        ("later", 1, 0),
        ("news", 0, 0),
        ("calm", 0, 2),
    ]
    assert (lines[0].next, lines[0].patient["name"]) == (tasks[2], [{"family": "soon"}])


@pytest.mark.parametrize("without", ["code", "for", "owner", "authoredOn", "restriction"])
def test_a_task_of_another_software_is_planned_for_the_caseload_as_it_is_for_the_list(without: str) -> None:
    whole = resource()
    odd = {name: value for name, value in whole.items() if name != without}
    days = resource() | {"authoredOn": "2026-11-22"}
    for one in (whole, odd, days, resource() | {"code": {"text": "Appel"}}):
        assert len(due_from([held("Task", one)])) == is_planned(one)


def test_a_line_of_the_caseload_takes_what_a_record_does_not_say_as_nothing() -> None:
    bare = person_from(held("Patient", {"id": "p"}))
    assert (bare.id, bare.family, bare.commune) == ("p", "", "")
    assert support_from(held("EpisodeOfCare", {"id": "e", "patient": {"reference": "Patient/p"}})) is None
    coordination: dict[str, Any] = {"coding": [{"system": "urn:maillage:episode", "code": "coordination"}]}
    level = {"coding": [{"system": "urn:maillage:support-level", "code": "complex"}]}
    episode = {"id": "e", "patient": {"reference": "Patient/p"}, "type": [coordination, level, {"text": "PAERPA"}]}
    assert support_from(held("EpisodeOfCare", episode)) == Support("p", "", "Complexe", "PAERPA")


def observation(value: str, at: str, code: str = "4548-4") -> dict[str, Any]:
    quantity = {"value": Decimal(value), "unit": "%"}
    return {"code": {"coding": [{"code": code}]}, "valueQuantity": quantity, "effectiveDateTime": at}


def test_a_measure_shows_its_last_value_its_way_and_whether_it_is_out() -> None:
    (measure,) = timeline.measures([observation("8.6", "2026-11-15"), observation("7.4", "2026-05-02")])
    assert (str(measure.value), measure.trend, measure.out, measure.target) == ("8.6", "↑", True, "6,5 à 7,5")
    assert measure.words == "En hausse, hors de la cible"


def test_a_measure_is_judged_by_what_is_wanted_for_this_person() -> None:
    weighed = observation("74.8", "2026-11-24", code="29463-7") | {"valueQuantity": {"value": Decimal("74.8"), "unit": "kg"}}
    wanted = {
        "id": "seuil", "lifecycleStatus": "active",
        "target": [{"measure": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
                    "detailRange": {"high": {"value": 72, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}}}],
    }  # fmt: skip
    (before,), (after,) = timeline.measures([weighed]), timeline.measures([weighed], [wanted])
    assert (before.out, before.target) == (False, "–")
    assert (after.out, after.target) == (True, "≤ 72")
    (other,) = timeline.measures([weighed | {"valueQuantity": {"value": Decimal("74800"), "unit": "g"}}], [wanted])
    assert (other.out, other.target) == (False, "–")


@pytest.mark.parametrize("key", ["pouls", "temperature", "saturation", "tension", "glycemie"])
def test_a_measure_has_one_usual_band_on_the_summary_and_on_its_curve(key: str) -> None:
    measured = constants.MEASURES[key]
    quantity = {"value": Decimal("50"), "unit": measured.unit}
    told = [
        timeline.measures([observation("50", "2026-11-24", code=code) | {"valueQuantity": quantity}])
        for code in measured.codes
        if code in timeline.FOLLOWED or code in timeline.SAME
    ]
    assert told
    usual = tuple(None if one is None else float(one) for one in measured.usual)
    assert {(one.low, one.high) for found in told for one in found} == {usual}


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("Pansement, glycémie", "glycemie"),
        ("Glycémie à jeun", "glycemie"),
        ("INR", "inr"),
        ("Pansement", None),
        ("", None),
        ("Repoids", None),
    ],
)
def test_words_name_a_measure(words: str, key: str | None) -> None:
    found = constants.named_in(words)
    assert (found.key if found else None) == key


def test_the_telephone_of_a_relative_is_told_in_pairs() -> None:
    relative = {
        "resourceType": "RelatedPerson",
        "id": "r",
        "name": [{"text": "Lucie"}],
        "relationship": [{"text": "Fille"}],
        "telecom": [{"system": "phone", "value": "+33639980077"}],
    }
    line = telling.told(relative, patient="p")
    assert line is not None
    assert "Fille, 06 39 98 00 77" in str(line)


def test_a_measure_nobody_follows_is_left_to_its_own_page() -> None:
    assert timeline.measures([observation("1", "2026-01-01", code="0000-0")]) == []


def test_only_problems_that_are_active_are_shown_once() -> None:
    active = {"clinicalStatus": {"coding": [{"code": "active"}]}}
    diabetes = {"id": "d", "code": {"text": "Diabète de type 1"}, "onsetDateTime": "1991", **active}
    angina = {"id": "a", "code": {"text": "Angine"}, "clinicalStatus": {"coding": [{"code": "resolved"}]}}
    assert timeline.problems([diabetes, diabetes | {"id": "e"}, angina]) == [
        timeline.Item("Diabète de type 1", "1991", "Condition/d")
    ]


@pytest.mark.parametrize(
    ("system", "code", "status", "said"),
    [
        ("urn:maillage:task", "alert", "requested", ("Alerte : Chute", "à prendre", "/alertes")),
        ("urn:maillage:task", "alert", "completed", ("Alerte : Chute", "traitée", "/alertes")),
        ("urn:maillage:request", "support", "accepted", ("Demande d’appui", "acceptée", "/demandes-d-appui/r")),
        ("urn:maillage:circle-invitation", "invitation", "requested", ("Chute", "", "/patients/p/cercle")),
        ("http://elsewhere.example", "x", "requested", ("Tâche : Chute", "", "/taches")),
    ],
)
def test_a_record_tells_of_a_task_by_what_it_is_and_leads_to_where_it_is_done(
    system: str, code: str, status: str, said: tuple[str, ...]
) -> None:
    task = {
        "resourceType": "Task", "id": "t", "status": status, "code": {"coding": [{"system": system, "code": code}], "text": "Chute"},
        "focus": {"reference": "ServiceRequest/r"},
    }  # fmt: skip
    line = telling.told(task, patient="p")
    assert (line.lead, line.words, line.href) == said


def test_an_evaluation_is_told_with_what_it_means_and_leads_to_its_page() -> None:
    items = [
        {
            "linkId": "katz",
            "text": "Échelle de Katz",
            "item": [{"linkId": "katz.sens", "answer": [{"valueString": "Aide pour un geste"}]}],
        }
    ]
    response = {
        "resourceType": "QuestionnaireResponse",
        "id": "x",
        "status": "completed",
        "questionnaire": "https://q|1",
        "authored": "2026-11-23T12:00:00Z",
        "item": items,
    }
    line = telling.told(response, patient="p")
    assert (line.lead, line.words, line.href) == (
        "Évaluation : Échelle de Katz",
        "Aide pour un geste",
        "/patients/p/evaluations/x",
    )
    assert telling.told({**response, "status": "in-progress"}, patient="p").lead == "Évaluation commencée : Échelle de Katz"
