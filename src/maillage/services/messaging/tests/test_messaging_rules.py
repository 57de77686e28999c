"""Who is told of a document, and what an e-mail may say."""

from datetime import UTC, datetime
from typing import Any

from maillage.services.directory.public import Member
from maillage.services.messaging.resources.message import Message, Readers
from maillage.services.messaging.rules import notices as rules
from maillage.services.messaging.rules.conversations import named_in, threads


def member(reference: str, **other: Any) -> Member:
    values = {"name": "X", "title": "", "kind": "care", "organization": None, "organization_name": "", "email": None}
    return Member(reference=reference, **{**values, **other})


def test_everyone_who_cares_is_told_but_the_author() -> None:
    circle = [member("Practitioner/gp"), member("Practitioner/nurse"), member("Practitioner/author")]
    told = rules.recipients(circle, author="Practitioner/author")
    assert [m.reference for m in told] == ["Practitioner/gp", "Practitioner/nurse"]


def test_the_person_their_carers_and_organisations_get_no_notice_of_their_own() -> None:
    circle = [member("RelatedPerson/carer", kind="person"), member("Organization/dac", kind="coordination")]
    assert rules.recipients(circle, author=None) == []


def test_someone_with_two_parts_in_a_circle_is_told_once() -> None:
    circle = [member("Practitioner/gp", title="Médecin traitant"), member("Practitioner/gp", title="Coordinatrice")]
    assert len(rules.recipients(circle, author=None)) == 1


def test_the_e_mail_says_how_many_and_where_and_nothing_else() -> None:
    subject, text = rules.mail_text(3, "https://maillage.example")
    assert subject == "Maillage : 3 nouveautés vous attendent"
    assert "https://maillage.example/nouveautes" in text
    assert rules.mail_text(1, "x")[0] == "Maillage : une nouveauté vous attend"


def test_groups_keep_the_order_of_their_first_item() -> None:
    assert rules.grouped(["b1", "a1", "b2"], key=lambda s: s[0]) == [("b", ["b1", "b2"]), ("a", ["a1"])]


def test_who_is_named_behind_an_at_is_named_by_their_whole_name() -> None:
    anne, annelise, claude = (
        Member(reference=f"Practitioner/{id}", name=name, title="", kind="care")
        for id, name in (("a", "Anne PETIT"), ("b", "Anne PETIT-BOIS"), ("c", "Claude MARTIN"))
    )
    around = [anne, annelise, claude]
    assert named_in("Merci @anne petit-bois, et @Claude MARTIN.", around) == ["Practitioner/b", "Practitioner/c"]
    assert named_in("@Anne PETIT: tu passes ?", around) == ["Practitioner/a"]
    assert named_in("Anne PETIT, claude.martin@exemple.test, @Claude", around) == []


def test_messages_of_one_instant_leave_a_conversation_to_those_its_root_names() -> None:
    now = datetime(2026, 11, 24, 8, tzinfo=UTC)
    to = {"root": ("Practitioner/nurse", "RelatedPerson/claude"), "reply": ("Practitioner/gp", "RelatedPerson/claude")}
    by = {"root": "Practitioner/gp", "reply": "Practitioner/nurse"}
    root, reply = (
        Message(
            id=id,
            version="1",
            thread="root",
            patient="p",
            topic="À trois",
            text="x",
            sender=by[id],
            sent=now,
            readers=Readers(chosen=to[id]),
        )
        for id in to
    )
    for listed in ([root, reply], [reply, root]):
        (found,) = threads(listed, {}, reader="Practitioner/gp")
        assert (found.begun_by, found.topic, found.readers.chosen) == ("Practitioner/gp", "À trois", to["root"])
