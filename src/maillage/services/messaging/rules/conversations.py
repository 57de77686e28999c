"""Who reads a conversation, what may be written in one, what is new in it. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from maillage.services.directory.public import Member
from maillage.services.messaging.resources.message import Message, Readers

LONGEST = 10_000
LONGEST_TOPIC = 120
PROFESSIONS = ("care", "coordination", "social")
UNTITLED = "Sans titre"

AUDIENCES = {
    "professionnels": Readers(professionals=True),
    "cercle": Readers(),
    "soin": Readers(care_only=True, professionals=True),
}
"""What the form of a new conversation offers, besides members one by one."""


def readers(circle: Iterable[Member], open_to: Readers, *, person: Member, sender: str) -> list[Member]:
    """Those of the circle, and the person, who read what is written: said on the screen before it is."""
    everyone = [person, *circle]
    if open_to.chosen:
        return [one for one in everyone if one.reference in (*open_to.chosen, sender)]
    kinds: Collection[str] = (*PROFESSIONS, "person")
    if open_to.professionals:
        kinds = PROFESSIONS
    if open_to.care_only:
        kinds = [kind for kind in kinds if kind in ("care", "person")]
    return [one for one in everyone if one.kind in kinds]


def asked_of(members: Iterable[Member], *, me: str) -> list[Member]:
    """Of whom something can be asked in a conversation: the professionals who read it."""
    return [
        one
        for one in members
        if one.kind in PROFESSIONS and one.reference.startswith(("Practitioner/", "Organization/")) and one.reference != me
    ]


def is_picture(title: str) -> bool:
    """Whether a file that is called so is a picture that a page can show small."""
    return title.lower().endswith((".jpg", ".jpeg", ".png", ".webp"))


def named_in(text: str, members: Iterable[Member]) -> list[str]:
    """The references of the members whose name stands behind a « @ » in a text; of two names that begin alike, the longer."""
    left, found = text.casefold(), []
    for one in sorted(members, key=lambda one: len(one.name), reverse=True):
        name = f"@{one.name.casefold()}"
        if one.name and name in left:
            left = left.replace(name, " ")
            found.append(one.reference)
    return found


def words_of(open_to: Readers, read_by: Sequence[Member]) -> str:
    """Who reads, in a line under the topic."""
    if open_to.chosen:
        return "Entre " + listed([one.name for one in read_by])
    how_many = f"{len(read_by)} membre{'s' if len(read_by) > 1 else ''} du cercle"
    if open_to.care_only:
        return f"Ceux qui soignent seulement ({how_many}) : ni la coordination, ni la personne, ni ses proches"
    if open_to.professionals:
        return f"{how_many}, professionnels seulement : ni la personne ni ses proches"
    return f"{how_many} : la personne et ses proches lisent ce sujet"


def offered(around: Sequence[Member], *, me: str) -> list[tuple[str, str, str]]:
    """What the form of a new conversation offers: value, words, and who would read. `around`: the person, then their circle."""
    person, circle = around[0], around[1:]
    professional = me.startswith("Practitioner")
    words = {
        "professionnels": "Les professionnels du cercle",
        "cercle": "Tout le cercle, avec la personne et ses proches" if professional else "Tout le cercle",
        "soin": "Ceux qui soignent seulement, sans la coordination",
    }
    shown = words if professional else {"cercle": words["cercle"]}
    return [
        (
            value,
            label,
            ", ".join(one.name for one in readers(circle, AUDIENCES[value], person=person, sender=me) if one.reference != me),
        )
        for value, label in shown.items()
    ]


def listed(names: Sequence[str]) -> str:
    """« A, B et C »."""
    return " et ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def faults(*, text: str, topic: str | None, chosen: Collection[str] | None, files: int = 0) -> dict[str, str]:
    """What keeps a message from being sent, by field, in the words of the form. `topic`, `chosen`: None where none is asked."""
    found = {}
    if topic is not None and not topic.strip():
        found["sujet"] = "Donnez un sujet à la conversation."
    elif topic and len(topic) > LONGEST_TOPIC:
        found["sujet"] = f"Le sujet a {LONGEST_TOPIC} caractères au plus, celui-ci {len(topic)}."
    if chosen is not None and not chosen:
        found["membres"] = "Choisissez au moins un membre."
    if not text.strip() and not files:
        found["message"] = "Écrivez un message, ou joignez un document."
    elif len(text) > LONGEST:
        found["message"] = f"Un message a {LONGEST} caractères au plus, celui-ci {len(text)} : joignez plutôt un document."
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation in a list: its root's id and author, what it is about, who wrote last and when, and how many messages one has not read."""

    id: str
    patient: str
    topic: str
    begun_by: str
    last: Message
    new: int
    readers: Readers


def threads(messages: Iterable[Message], read_until: Mapping[str, datetime], *, reader: str) -> list[Thread]:
    """The conversations of these messages (newest first), those with the newest message first."""
    gathered: dict[str, list[Message]] = {}
    for message in messages:
        gathered.setdefault(message.thread, []).append(message)
    return [_thread(found, read_until.get(id), reader=reader) for id, found in gathered.items()]


def _thread(found: Sequence[Message], read_until: datetime | None, *, reader: str) -> Thread:
    """The conversation of messages of one root, the newest first. Two may have been sent in one instant: what holds of the root is asked of it."""
    root = next((one for one in found if one.id == one.thread), None)
    return Thread(
        id=found[0].thread,
        patient=found[0].patient,
        topic=(root and root.topic) or UNTITLED,
        begun_by=root.sender if root else "",
        last=found[0],
        new=sum(is_new(one, read_until, reader=reader) for one in found),
        readers=(root or found[-1]).readers,
    )


def is_new(message: Message, read_until: datetime | None, *, reader: str) -> bool:
    """Whether somebody has not said that they read a message of somebody else."""
    return message.sender != reader and not message.retired and (read_until is None or message.sent > read_until)


def read_by(message: Message, marks: Mapping[str, datetime], members: Iterable[Member]) -> tuple[list[str], int]:
    """The names of those who said that they read a message, and how many it is for, its sender apart."""
    others = [one for one in members if one.reference != message.sender]
    until = readers_until(message, marks, others)
    return [one.name for one in others if one.reference in until], len(others)


def readers_until(message: Message, marks: Mapping[str, datetime], members: Iterable[Member]) -> dict[str, datetime]:
    """Until when each of those read who said that they read a message, its sender apart, by reference."""
    others = {one.reference for one in members} - {message.sender}
    return {one: marks[one] for one in others if one in marks and marks[one] >= message.sent}
