"""What may be received, replaced and withdrawn. Decisions only."""

from collections.abc import Mapping
from dataclasses import dataclass

from maillage.services.identity.public import IdentityClaim, Traits, normal_name

HIDDEN_FROM_PATIENT = "INVISIBLE_PATIENT"
HIDDEN_FROM_PROFESSIONALS = "MASQUE_PS"
TO_PATIENT = "DESTMSSANTEPAT"
TO_PROFESSIONALS = "DESTMSSANTEPS"

VISIBILITY = {
    "MASQUE_PS": "MASQUE_PS",
    "INVISIBLE_PATIENT": "INVISIBLE_PATIENT",
    "INVISIBLE_REP_LEGAUX": "INVISIBLE_REPRESENTANTS_LEGAUX",
}
"""Flag of a message (MetaDMPMSS) → code of TRE_A07."""

FORBIDDEN = ((HIDDEN_FROM_PATIENT, TO_PATIENT), (HIDDEN_FROM_PROFESSIONALS, TO_PROFESSIONALS))
"""What is hidden from someone is not sent to them (CI-SIS, Transmission d'un document CDA en HL7v2 2.1)."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the platform holds under a unique id: the record, the digest of its bytes, its custodian, what became of it."""

    unique_id: str
    document: str | None = None
    sha256: str | None = None
    custodian: str | None = None
    replaced_by: str | None = None
    withdrawn: bool = False


def contradiction(carrier: IdentityClaim, document: IdentityClaim) -> str | None:
    """Why a message (or a subject) and the document it carries speak of two people, or None.

    Two different INS are two people. Otherwise one strict trait given on both sides and different is enough: the birth name (unless
    it is the other's used name), the first given name, the date of birth, the sex. The birth place is no ground: communes merge.
    """
    if carrier.ins and document.ins and carrier.ins.matricule != document.ins.matricule:
        return "the INS differ"
    one, other = carrier.traits, document.traits
    if _names_differ(one, other):
        return "the birth names differ"
    for name in ("first_given", "birth_date", "sex"):
        left, right = normal_name(getattr(one, name)), normal_name(getattr(other, name))
        if left and right and left != right and "UNKNOWN" not in (left, right):
            return {
                "first_given": "the first given names differ",
                "birth_date": "the dates of birth differ",
                "sex": "the sexes differ",
            }[name]
    return None


def _names_differ(one: Traits, other: Traits) -> bool:
    left, right = _loose(one.birth_name), _loose(other.birth_name)
    crossed = left == _loose(other.used_name) or right == _loose(one.used_name)
    return bool(left and right and left != right and not crossed)


def _loose(name: str) -> str:
    return normal_name(name).replace("-", " ").replace("'", " ")


def forbidden_pair(flags: Mapping[str, bool]) -> tuple[str, str] | None:
    """The two flags of a message that cannot both be true, or None."""
    return next((pair for pair in FORBIDDEN if all(flags.get(name) for name in pair)), None)


def visibility(flags: Mapping[str, bool]) -> tuple[str, ...]:
    """Codes of TRE_A07 for the flags that are true."""
    return tuple(code for name, code in VISIBILITY.items() if flags.get(name))


def refusal_to_receive(held: Held, *, document: str, sha256: str) -> str | None:
    """Why these bytes may not be recorded under a unique id that is taken, or None (a first arrival, or the same again)."""
    if held.document == document or (held.sha256 == sha256 and not held.withdrawn):
        return None
    if held.withdrawn:
        return f"the document {held.unique_id} was withdrawn by its author: send a new document under a new unique id"
    return f"another document was already received under the unique id {held.unique_id}"


def refusal_to_touch(held: Held, *, custodian: str) -> str | None:
    """Why an establishment may not replace or withdraw a document, or None: only its own custodian does."""
    if held.custodian and custodian and held.custodian != custodian:
        return f"the document {held.unique_id} is kept by another establishment"
    return None
