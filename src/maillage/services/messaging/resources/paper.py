"""A conversation on paper, laid out by Typst as a tagged PDF (PDF/UA-1): the words are data for it, never markup."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import typst

from maillage.services.messaging.resources.message import Message
from maillage.services.messaging.resources.wish import Asked
from maillage.ui import Banner
from maillage.ui.words import birth_date, care_date, clock_time, full_date

LAYOUT = Path(__file__).parents[1] / "templates" / "messaging" / "conversation.typ"
BLANKS = "Des signes de ces messages ne s’impriment pas : lisez-les dans la conversation."
SEX = {"female": "Sexe F", "male": "Sexe M"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """All that is printed. `read_by` names those who read it, `names` whoever wrote or is named, by reference; `wishes` what is asked, by reference.

    Of the person it says who they are and no more: a reader of the conversation may be kept from the rest.
    """

    topic: str
    person: Banner
    messages: Sequence[Message]
    names: Mapping[str, str]
    wishes: Mapping[str, Asked]
    who_reads: str
    read_by: Sequence[str]
    by: str
    at: datetime


def pdf(one: Printed) -> bytes:
    """The PDF's bytes. A sign that no font here has (a picture, another script) is a blank, which PDF/UA-1 refuses: then the paper says so."""
    said = values(one)
    try:
        return _compiled(said, "ua-1")
    except typst.TypstError:
        return _compiled(said | {"about": [*said["about"], BLANKS]}, None)


def _compiled(said: dict[str, Any], standard: Literal["ua-1"] | None) -> bytes:
    found: bytes = typst.compile(LAYOUT.read_bytes(), sys_inputs={"conversation": json.dumps(said)}, pdf_standards=standard)
    return found


def values(one: Printed) -> dict[str, Any]:
    """What the layout takes: words only, oldest message first, by day."""
    person = one.person
    number = f"INS {person.ins}" if person.ins else ""
    born = f"{'Née' if person.feminine else 'Né'} le {birth_date(person.birth_date)}" if person.birth_date else ""
    return {
        "title": f"Conversation : {one.topic}",
        "topic": one.topic,
        "author": one.by,
        "name": f"{person.family} {person.given}".strip(),
        "identity": list(filter(None, (born, SEX.get(person.gender, ""), number))),
        "about": [f"Conversation, {_when(one)}", one.who_reads, f"Lecteurs : {', '.join(one.read_by)}"],
        "days": [
            {"day": day, "messages": [_message(each, one) for each in said]}
            for day, said in groupby(one.messages, key=lambda each: full_date(each.sent))
        ],
        "files": [
            f"{title}, {one.names.get(each.sender, 'auteur inconnu')}, {care_date(each.sent)}"
            for each in one.messages
            for _, title in each.attached
            if not each.retired
        ],
        "foot": f"Exporté par {one.by} le {care_date(one.at)} à {clock_time(one.at)}. Copie, la conversation fait foi.",
    }


def _when(one: Printed) -> str:
    count = f"{len(one.messages)} message{'s' if len(one.messages) > 1 else ''}"
    first, last = care_date(one.messages[0].sent), care_date(one.messages[-1].sent)
    return f"{count} le {first}" if first == last else f"{count} du {first} au {last}"


def _message(said: Message, one: Printed) -> dict[str, Any]:
    """Of what its author took back, that they did."""
    marks = filter(None, (clock_time(said.sent), "urgent" * said.urgent, "corrigé" * said.corrected))
    head = {"who": one.names.get(said.sender, "Auteur inconnu"), "marks": ", ".join(marks)}
    if said.retired:
        return head | {"to": "", "text": ["(message retiré par son auteur)"], "joined": []}
    named = [one.names.get(each, "un membre") for each in said.mentions]
    return head | {
        "to": f"À l’attention de {', '.join(named)}" if named else "",
        "text": [line for line in said.text.split("\n") if line.strip()],
        "joined": [
            *(f"Pièce jointe : {title}" for _, title in said.attached),
            *(_asked(one.wishes[each]) for each in said.asked if each in one.wishes),
        ],
    }


def _asked(wish: Asked) -> str:
    who = f" à {wish.owner_name}" if wish.owner_name else ""
    until = f", pour le {care_date(wish.due)}" if wish.due else ""
    return f"{wish.title}{who}{until} : {wish.state[:1].lower()}{wish.state[1:]}"
