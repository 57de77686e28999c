"""Decisions about invitations into a care circle: what an address is, how long a link counts, who may open it, and what its letter says. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

LIFE = timedelta(days=7)
MOST_WAITING = 20
"""Of one record at the same time."""
MOST_A_DAY = 40
"""By one person: nobody fills other people's mailboxes from here."""

_EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+")
_RPPS = re.compile(r"\d{11}")


class InvitationState(StrEnum):
    """Where an invitation stands."""

    SENT = "sent"
    UNDELIVERED = "undelivered"
    OPENED = "opened"
    ACCEPTED = "accepted"
    JOINED = "joined"
    REVOKED = "revoked"


WORDS = {
    InvitationState.SENT: "Envoyée", InvitationState.UNDELIVERED: "Adresse refusée", InvitationState.OPENED: "Ouverte, à confirmer",
    InvitationState.ACCEPTED: "Acceptée", InvitationState.JOINED: "Dans le cercle", InvitationState.REVOKED: "Retirée",
}  # fmt: skip


class Refused(StrEnum):
    """Why somebody may not open an invitation."""

    NOT_PROFESSIONAL = "not-professional"
    OTHER = "other"
    NO_PLACE = "no-place"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """An invitation as it stands. `invited` and `rpps` say who alone may open it; where neither is known, whoever invites confirms who opened."""

    id: str
    patient: str
    email: str
    rpps: str | None
    invited: str | None
    part: str
    until: date | None
    inviter: str
    inviter_name: str
    created: datetime
    expires: datetime
    state: InvitationState
    opener: str | None
    opener_role: str | None
    opener_name: str | None
    moved: datetime

    @property
    def bound(self) -> bool:
        return self.invited is not None or self.rpps is not None

    def expired(self, now: datetime) -> bool:
        """Whether nobody opened it in time."""
        return self.state in (InvitationState.SENT, InvitationState.UNDELIVERED) and self.expires <= now

    def waits(self, now: datetime) -> bool:
        """Whether who was invited, or who invited them, has still to answer."""
        return self.state in (InvitationState.SENT, InvitationState.UNDELIVERED, InvitationState.OPENED) and not self.expired(now)

    def words(self, now: datetime) -> str:
        """Where it stands, in French."""
        return "Expirée" if self.expired(now) else WORDS[self.state]


def invitation_of(row: Mapping[str, Any]) -> Invitation:
    """A row of the table."""
    kept = {name: row[name] for name in Invitation.__slots__ if name not in ("id", "state")}
    return Invitation(**kept, id=str(row["id"]), state=InvitationState(row["state"]))


def email_of(text: str) -> str | None:
    """The address as it is kept (small letters), None when it is none."""
    email = text.strip().lower()
    return email if len(email) <= 254 and _EMAIL.fullmatch(email) else None


def rpps_of(text: str) -> str | None:
    """The eleven digits of an RPPS, however they are spaced; None when it is none."""
    digits = re.sub(r"[\s.]", "", text)
    return digits if _RPPS.fullmatch(digits) else None


def may_open(invitation: Invitation, opener: str, numbers: frozenset[str]) -> bool:
    """Whether this professional, with these national numbers (RPPS), is who was invited, as far as that is known."""
    if invitation.invited is not None:
        return invitation.invited == opener
    return invitation.rpps is None or invitation.rpps in numbers


def letter(inviter: str, address: str) -> tuple[str, str]:
    """Subject and text of the letter that carries a link: who invites, and nothing of whom it is about."""
    return "Maillage : un professionnel vous invite", (
        f"Bonjour,\n\n{inviter} vous invite à rejoindre un cercle de soins sur Maillage, l’espace numérique de santé de votre région.\n\n{address}\n\n"
        "Le lien vous demande de vous connecter comme professionnel (Pro Santé Connect ou votre compte). Il sert une seule fois, pendant sept jours, "
        "et pour vous seul : ne le transmettez pas.\n\nSi vous n’attendiez pas ce message, ne l’ouvrez pas.\n"
    )
