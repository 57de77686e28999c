"""Who may invite whom, what an account opens, and what a link's letter says."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

LINK_LIFE = timedelta(hours=72)
OF_AN_ORGANIZATION = ("social-worker", "coordinator", "administrator")
ROLES = {
    "social-worker": "Accompagnement social",
    "coordinator": "Coordination",
    "administrator": "Administration des comptes de la structure",
    "steward": "Identitovigilance",
    "operator": "Exploitation régionale",
    "officer": "Protection des données",
    "ars": "Agence régionale de santé",
    "editor": "Éditeur de logiciels",
}
"""Values of `access.Role` that an account may have, in French. Roles of care need a professional card."""
IN_CIRCLES = frozenset({"social-worker", "coordinator"})
"""Those who stand in the directory: they are members of care circles."""

_EMAIL = re.compile(r"[^@\s]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+")


def invitable(roles: Collection[str]) -> tuple[str, ...]:
    """The roles that somebody with these may invite."""
    return tuple(ROLES) if "operator" in roles else OF_AN_ORGANIZATION if "administrator" in roles else ()


def email_of(text: str) -> str | None:
    """The address as it is kept (small letters), or None when it is none."""
    email = text.strip().lower()
    return email if len(email) <= 254 and _EMAIL.fullmatch(email) else None


def roles_of(role: str, administers: bool) -> frozenset[str]:
    """The roles of an account."""
    return frozenset({role} | ({"administrator"} if administers else set()))


def opened(roles: frozenset[str], guarded: Collection[str], *, passkey: bool) -> frozenset[str]:
    """The roles that a proof opens: a code can be phished and opens none that is guarded."""
    return roles if passkey else roles - frozenset(guarded)


def letter(address: str, *, again: bool) -> tuple[str, str]:
    """Subject and text of the letter that carries a link. No health data, no name."""
    if again:
        return "Maillage : votre nouveau lien", _text(
            "Voici le lien pour choisir à nouveau comment vous connecter à Maillage.", address
        )
    return "Maillage : votre invitation", _text(
        "Un compte vous est ouvert sur Maillage, l’espace numérique de santé de votre région.", address
    )


def _text(first: str, address: str) -> str:
    return (
        f"Bonjour,\n\n{first}\n\n{address}\n\nCe lien sert une seule fois, pendant trois jours. "
        "Si vous n’attendiez pas ce message, ne l’ouvrez pas et prévenez l’administrateur de votre structure.\n"
    )


PASSWORD, ALL = "mot-de-passe", "tout"
RESETS = (
    (PASSWORD, "Son mot de passe seulement\u00a0: son code à usage unique reste, et lui sera demandé"),
    (ALL, "Tous ses moyens de connexion, y compris le second facteur (téléphone ou clé perdus)"),
)
SHORTEST_CHECK, LONGEST_CHECK = 10, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """What a new link is to replace, and how whoever sends it knows that it is its holder who asks."""

    what: str = ""
    verification: str = ""


def refusal_of_reset(reset: Reset, *, opened: bool, password: bool) -> tuple[str, str] | None:
    """What is missing: the place and the words. `opened`: somebody came in by the account; `password`: it has one."""
    if not opened:
        return None
    if reset.what not in (PASSWORD, ALL):
        return "quoi", "Choisissez ce que le lien remplace"
    if reset.what == PASSWORD and not password:
        return "quoi", "Ce compte n’a pas de mot de passe"
    if not SHORTEST_CHECK <= len(reset.verification) <= LONGEST_CHECK:
        return "verification", "Écrivez en une phrase comment vous avez vérifié que c’est bien cette personne"
    return None


def words_of_reset(reset: Reset) -> str | None:
    """The same for the trail; None for a first invitation sent again."""
    return f"nouveau lien ({reset.what})\u00a0: {reset.verification}" if reset.what else None
