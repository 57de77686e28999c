"""What may be received, replaced and withdrawn. Decisions only."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from maillage.errors import Conflict, Forbidden, Issue, Unprocessable
from maillage.services.documents.resources.document_types import REVISION, TYPES
from maillage.services.documents.resources.header import Code
from maillage.services.identity.public import IdentityClaim, Traits, loose_name, normal_name

HIDDEN_FROM_PATIENT = "INVISIBLE_PATIENT"
HIDDEN_FROM_PROFESSIONALS = "MASQUE_PS"
TO_PATIENT = "DESTMSSANTEPAT"
TO_PROFESSIONALS = "DESTMSSANTEPS"

VISIBILITY = {
    "MASQUE_PS": "MASQUE_PS",
    "INVISIBLE_PATIENT": "INVISIBLE_PATIENT",
    "INVISIBLE_REP_LEGAUX": "INVISIBLE_REPRESENTANTS_LEGAUX",
    "CONNEXION_SECRETE": "INVISIBLE_REPRESENTANTS_LEGAUX",
}
"""Flag of a message (MetaDMPMSS) → code of TRE_A07. What was done in secret is hidden from those from whom it is secret."""

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_YEAR = re.compile(r"(19|20)\d\d", re.ASCII)
_WORD = re.compile(r"[^\W_]+")

FORBIDDEN = ((HIDDEN_FROM_PATIENT, TO_PATIENT), (HIDDEN_FROM_PROFESSIONALS, TO_PROFESSIONALS))
"""What is hidden from someone is not sent to them (CI-SIS, Transmission d'un document CDA en HL7v2 2.1)."""


class Contradiction(StrEnum):
    """What makes two people of the one a message speaks of and the one its document is about."""

    INS = "the INS differ"
    BIRTH_NAME = "the birth names differ"
    FIRST_GIVEN = "the first given names differ"
    BIRTH_DATE = "the dates of birth differ"
    SEX = "the sexes differ"


IN_FRENCH = {
    Contradiction.INS: "les INS diffèrent",
    Contradiction.BIRTH_NAME: "les noms de naissance diffèrent",
    Contradiction.FIRST_GIVEN: "les premiers prénoms diffèrent",
    Contradiction.BIRTH_DATE: "les dates de naissance diffèrent",
    Contradiction.SEX: "les sexes diffèrent",
}
_TRAITS = {
    "first_given": Contradiction.FIRST_GIVEN,
    "birth_date": Contradiction.BIRTH_DATE,
    "sex": Contradiction.SEX,
}


@dataclass(frozen=True, slots=True)
class Held:
    """What the platform holds under a unique id: the record, the digest of its bytes, its custodian, what became of it."""

    unique_id: str
    document: str | None = None
    sha256: str | None = None
    custodian: str | None = None
    replaced_by: str | None = None
    withdrawn: bool = False


def contradiction(carrier: IdentityClaim, document: IdentityClaim) -> Contradiction | None:
    """Why a message (or a subject) and the document it carries speak of two people, or None.

    Two different INS are two people. Otherwise one strict trait given on both sides and different is enough: the birth name (unless
    it is the other's used name), the first given name, the date of birth, the sex. The birth place is no ground: communes merge.
    """
    if carrier.ins and document.ins and carrier.ins.matricule != document.ins.matricule:
        return Contradiction.INS
    one, other = carrier.traits, document.traits
    if _names_differ(one, other):
        return Contradiction.BIRTH_NAME
    for name, found in _TRAITS.items():
        left, right = normal_name(getattr(one, name)), normal_name(getattr(other, name))
        if left and right and left != right and "UNKNOWN" not in (left, right):
            return found
    return None


def _names_differ(one: Traits, other: Traits) -> bool:
    left, right = loose_name(one.birth_name), loose_name(other.birth_name)
    crossed = left == loose_name(other.used_name) or right == loose_name(one.used_name)
    return bool(left and right and left != right and not crossed)


def forbidden_pair(flags: Mapping[str, bool]) -> tuple[str, str] | None:
    """The two flags of a message that cannot both be true, or None."""
    return next((pair for pair in FORBIDDEN if all(flags.get(name) for name in pair)), None)


def ask_mail(base_url: str) -> tuple[str, str]:
    """Subject and text of the e-mail to somebody for whom a document waits to be announced: no health data, and no name."""
    text = f"""Bonjour,

Il y a quelque chose à voir dans votre espace Maillage :
{base_url}/accueil

Ce message est automatique : n'y répondez pas.
"""
    return "Votre espace Maillage : quelque chose vous attend", text


def visibility(flags: Mapping[str, bool]) -> tuple[str, ...] | None:
    """Codes of TRE_A07 for the flags that are true; None when the message says nothing of who may see the document."""
    if VISIBILITY.keys().isdisjoint(flags):
        return None
    return tuple(dict.fromkeys(code for name, code in VISIBILITY.items() if flags.get(name)))


def refusal_of_type(type: Code) -> Unprocessable | None:
    """Why a document of this type is not taken, or None: CI-SIS (Structuration minimale) has its code in JDV_J07."""
    if type.code in TYPES.get(type.system, frozenset()):
        return None
    text = f"{type.code} (code system {type.system or 'not given'}) is not a document type of JDV_J07, revision {REVISION}"
    french = f"{type.code} (système {type.system or 'absent'}) n'est pas un type de document du JDV_J07, révision du {REVISION}"
    return Unprocessable(text, issues=[Issue("code-invalid", text, "ClinicalDocument/code")], french=french)


def refusal_to_receive(held: Held, *, document: str, sha256: str) -> Conflict | None:
    """Why these bytes may not be recorded under a unique id that is taken, or None (a first arrival, or the same again)."""
    if held.document == document or (held.sha256 == sha256 and not held.withdrawn):
        return None
    if held.withdrawn:
        return Conflict(
            f"the document {held.unique_id} was withdrawn by its author: send a new document under a new unique id",
            french=f"identifiant de document déjà utilisé : {held.unique_id} a été supprimé par son auteur, "
            "envoyez un nouveau document sous un nouvel identifiant",
        )
    return Conflict(
        f"another document was already received under the unique id {held.unique_id}",
        french=f"identifiant de document déjà utilisé : un autre document a été reçu sous {held.unique_id}",
    )


def refusal_to_touch(held: Held, *, custodian: str) -> Forbidden | None:
    """Why an establishment may not replace or withdraw a document, or None: only its own custodian does."""
    if held.custodian and custodian and held.custodian != custodian:
        return Forbidden(
            f"the document {held.unique_id} is kept by another establishment",
            french=f"document d'un autre établissement : {held.unique_id} n'est remplacé ou supprimé que par celui qui le tient",
        )
    return None


def refusal_of_carrier(carrier: IdentityClaim | None, document: IdentityClaim) -> Unprocessable | None:
    """Why a message (None: there is none) may not carry a document about this person, or None."""
    if carrier is None or (found := contradiction(carrier, document)) is None:
        return None
    return Unprocessable(
        f"the message and its document speak of two patients: {found}",
        french=f"deux patients dans un message : {IN_FRENCH[found]} entre le message et son document",
    )


def refusal_to_withdraw(stored: IdentityClaim, document: IdentityClaim) -> Unprocessable | None:
    """Why a document is not the one to withdraw, about another person than the one that is stored, or None."""
    if (found := contradiction(stored, document)) is None:
        return None
    return Unprocessable(
        f"the document to withdraw is about another patient: {found}",
        french=f"le document à supprimer concerne un autre patient : {IN_FRENCH[found]}",
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents a list keeps: a type code, a condition on the day they were received (a FHIR date search value), words of their
    title, words of the name of their establishment. Empty: all.
    """

    type: str = ""
    received: str = ""
    words: tuple[str, ...] = ()
    establishment: tuple[str, ...] = ()


EVERYTHING = Wanted()
RECENTLY = {"3-mois": 92, "12-mois": 366}
"""Periods that end today, in days."""
YEARS_BACK = 10
MOST_WORDS, LONGEST_WORD = 6, 40


def wanted(*, type: str = "", period: str = "", title: str = "", establishment: str = "", today: date) -> Wanted:
    """The filter that an address asks for; what is not understood filters nothing."""
    code = type if _CODE.fullmatch(type) else ""
    return Wanted(code, _received(period, today), _words(title), _words(establishment))


def years(today: date) -> list[int]:
    """The years that a list offers, the current one first."""
    return [today.year - back for back in range(YEARS_BACK)]


def _received(period: str, today: date) -> str:
    if period in RECENTLY:
        return f"ge{today - timedelta(days=RECENTLY[period])}"
    return period if _YEAR.fullmatch(period) else ""


def _words(text: str) -> tuple[str, ...]:
    """Words of letters and digits: one of signs alone would be no condition."""
    return tuple(word[:LONGEST_WORD] for word in _WORD.findall(text)[:MOST_WORDS])
