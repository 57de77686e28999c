"""What the circle of the official test patient says to each other: one conversation with her and her husband, one among those who care."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from maillage.demo.numbers import resource_id
from maillage.demo.people import Person
from maillage.demo.personas import persona
from maillage.services.coordination.public import todo_for
from maillage.services.messaging.public import WISH, Readers, message_for

Resource = dict[str, Any]

MEASURE = "Température et tour de rougeur à 17 h, s’il vous plaît."
WOUND = (
    ("coordinator", 44, "Dominique est rentrée samedi. Nora, le pansement passe à un jour sur deux."),
    ("carer", 40, "Elle a mangé et marché jusqu’à la cuisine avec la botte. Pas de fièvre."),
    ("nurse", 5, "Berges plus rouges ce matin, pas d’odeur, 4,1 cm²."),
    ("gp", 4, MEASURE),
    ("patient", 3, "Je serai là toute la journée."),
)
DOSE = (
    ("gp", 30, "La clairance baisse : on revoit la metformine avant le prochain bilan ?"),
    ("nurse", 28, "D’accord, je prélève jeudi matin."),
)


def conversations(person: Person, *, at: datetime) -> Iterator[Resource]:
    """The messages of both, as the platform keeps them, and what the doctor asks of the nurse; hours are before `at`."""
    doctor, nurse = persona("gp"), persona("nurse")
    asked = todo_for(
        id=resource_id("Task", MEASURE), patient=person.id, title="Mesure demandée", description=MEASURE, due=at + timedelta(hours=4), priority="routine",
        owner={"reference": nurse.reference, "display": nurse.name}, requester={"reference": doctor.reference, "display": doctor.name},
        at=at - timedelta(hours=4), remind=None,
    )  # fmt: skip
    yield asked | {
        "focus": {"reference": f"Communication/{resource_id('Communication', 'Plaie du pied-3')}"},
        "reasonCode": {"coding": [{"system": WISH, "code": "measure"}]},
    }
    yield from _conversation(person, "Plaie du pied", WOUND, Readers(), at=at)
    yield from _conversation(person, "Metformine", DOSE, Readers(care_only=True, professionals=True), at=at)


def _conversation(
    person: Person, topic: str, said: tuple[tuple[str, int, str], ...], readers: Readers, *, at: datetime
) -> Iterator[Resource]:
    root = resource_id("Communication", f"{topic}-0")
    for number, (key, hours, words) in enumerate(said):
        who = persona(key)
        yield message_for(
            id=resource_id("Communication", f"{topic}-{number}"), patient=person.id, sender=who.reference, name=who.name,
            at=at - timedelta(hours=hours), text=words, readers=readers, asked=[f"Task/{resource_id('Task', words)}"] if words == MEASURE else (), thread=root if number else None, topic="" if number else topic,
        )  # fmt: skip
