"""What a person is told of the accesses to their record."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from maillage.services.rights.rules import Line, visits

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
LINE = Line(
    at=AT,
    actor="psc:1",
    kind="professional",
    name="Dr Camille EXEMPLE",
    roles=("gp",),
    organizations=("Organization/msp",),
    purpose="TREAT",
    action="R",
    type="DocumentReference",
    id="letter",
    query=None,
    outcome="0",
)


def before(minutes: int, line: Line = LINE, **changes: object) -> Line:
    return replace(line, at=AT - timedelta(minutes=minutes), **changes)  # type: ignore[arg-type]


def deeds(*lines: Line, titles: dict[str, str] | None = None) -> list[tuple[str, ...]]:
    return [visit.deeds for visit in visits(lines, titles or {})]


def test_what_was_done_within_half_an_hour_is_one_visit() -> None:
    (visit,) = visits([LINE, before(20, type="Observation", id=None, action="E"), before(45, type="Condition", action="E")], {})
    assert visit.at == AT
    assert visit.deeds == ("A consulté les problèmes de santé, les mesures et résultats et les documents",)
    assert visit.reason == "Pour les soins"


def test_a_longer_pause_makes_another_visit() -> None:
    assert len(visits([LINE, before(31)], {})) == 2


def test_an_application_that_comes_back_all_day_is_one_visit_a_day() -> None:
    last = replace(LINE, software="carnet")
    # 9 h UTC is 10 h in Paris: ten hours before is the same day there, eleven hours before the day before.
    assert [visit.at for visit in visits([last, before(300, last), before(599, last), before(601, last)], {})] == [
        AT,
        AT - timedelta(minutes=601),
    ]
    assert len(visits([last, before(10)], {})) == 2, "what the person did themself is apart"


def test_two_people_at_once_are_two_visits() -> None:
    assert [visit.name for visit in visits([LINE, before(1, actor="psc:2", name="Nora FICTIVE"), before(2)], {})] == [
        "Dr Camille EXEMPLE",
        "Nora FICTIVE",
    ]


def test_a_document_is_named_only_when_the_reader_may_see_it() -> None:
    assert deeds(LINE, titles={"letter": "Lettre de sortie"}) == [("A consulté « Lettre de sortie »",)]
    assert deeds(LINE) == [("A consulté les documents",)]


def test_a_named_document_needs_no_list_beside_it() -> None:
    lines = (LINE, before(1, action="E", id=None))
    assert deeds(*lines, titles={"letter": "Lettre de sortie"}) == [("A consulté « Lettre de sortie »",)]


def test_the_same_thing_is_said_once_and_each_verb_has_its_sentence() -> None:
    lines = (
        before(0, action="U", type="Task"),
        before(1, action="C", type="Task"),
        before(2, type="Patient"),
        before(3, type="Patient"),
    )
    assert deeds(*lines) == [("A consulté l'identité", "A complété le suivi du parcours", "A modifié le suivi du parcours")]


def test_opening_the_whole_record_is_said_so() -> None:
    assert deeds(before(0, action="E", type="Patient", id="p", query="compartment:Condition,Observation")) == [
        ("A consulté le dossier",)
    ]


def test_a_type_without_words_is_part_of_the_record() -> None:
    assert deeds(before(0, type="Basic")) == [("A consulté le dossier",)]


def test_a_refused_attempt_is_told_as_such_and_apart() -> None:
    refused, seen = visits([before(0, outcome="4"), before(1)], {})
    assert refused.refused
    assert refused.deeds == ("A voulu ouvrir le dossier : l'accès a été refusé",)
    assert not seen.refused


def test_what_failed_is_not_told() -> None:
    assert visits([before(0, outcome="8", action="C")], {}) == []


def test_an_emergency_access_is_marked() -> None:
    (visit,) = visits([before(0, purpose="ETREAT")], {})
    assert (visit.emergency, visit.reason) == (True, "En urgence")


def test_what_has_words_of_its_own_is_told_in_them() -> None:
    told = {
        ("Patient", "E", "emergency=unable"): "A ouvert le dossier en urgence : personne hors d’état d’exprimer sa volonté",
        ("Patient", "E", "emergency=closed"): "A refermé le dossier ouvert en urgence",
        ("AuditEvent", "E", "export&dossier=#1"): "A téléchargé la liste des consultations",
        ("Patient", "E", "export"): "A téléchargé tout le dossier",
        ("Patient", "R", "$everything"): "A consulté tout le dossier",
        ("sign-in", "E", None): "S’est connecté à son espace",
        ("sign-out", "E", None): "S’est déconnecté",
    }
    assert {key: deeds(before(0, type=key[0], action=key[1], query=key[2], id=None))[0] for key in told} == {
        key: (words,) for key, words in told.items()
    }


def test_a_refused_sign_in_is_no_look_at_the_record() -> None:
    (visit,) = visits([before(0, type="sign-in", action="E", outcome="4")], {})
    assert visit.deeds == ("A voulu se connecter : l'accès a été refusé",)
