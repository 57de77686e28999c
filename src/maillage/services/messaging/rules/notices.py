"""Who is told of a document, and what an e-mail may say. Pure."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TypeVar

import msgspec

from maillage.services.directory.public import Member

Item = TypeVar("Item")

MAIL_EVERY = timedelta(hours=1)  # a person is not written to more often
PUSH_EVERY = timedelta(minutes=5)  # nor a browser told


def recipients(circle: Iterable[Member], *, author: str | None) -> list[Member]:
    """The members who get a notice: those who care, coordinate or support, but not the one who wrote the document.

    The person and their carers read their documents on their own pages, and an organisation acts through its members.
    """
    told: dict[str, Member] = {}
    for member in circle:
        if member.reference.startswith("Practitioner/") and member.reference != author:
            told.setdefault(member.reference, member)
    return list(told.values())


def push_words(count: int, *, place: str) -> bytes:
    """What a browser shows on a locked screen: how many, where to look; never what, never about whom."""
    words = "Une nouveauté vous attend." if count == 1 else f"{count} nouveautés vous attendent."
    return msgspec.json.encode({"title": "Maillage", "body": words, "url": place})


def mail_text(count: int, address: str, *, place: str = "/nouveautes") -> tuple[str, str]:
    """Subject and body of the e-mail: how many, where to look; never what, never about whom."""
    what = "une nouveauté vous attend" if count == 1 else f"{count} nouveautés vous attendent"
    body = (
        "Bonjour,\n\n"
        f"{what[0].upper()}{what[1:]} dans Maillage, l’espace numérique de santé de votre territoire.\n\n"
        f"Pour lire : {address}{place}\n\n"
        "Ce message ne contient aucune donnée de santé. Merci de ne pas y répondre.\n"
    )
    return f"Maillage : {what}", body


def place_of(recipient: str) -> str:
    """Where somebody looks: the person and their carers have no list of news, but their conversations."""
    return "/nouveautes" if recipient.startswith("Practitioner/") else "/messages"


def grouped(items: Sequence[Item], *, key: Callable[[Item], str]) -> list[tuple[str, list[Item]]]:
    """Items by key, the groups in the order of their first item."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.items())
