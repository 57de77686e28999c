"""The national health identity number (INS): matricule, assigning root, control key.

Source: Référentiel INS v2 (ANS), fr-core 2.2.0; NIR key of INSEE (97 minus the 13 digits modulo 97).
"""

from dataclasses import dataclass
from enum import StrEnum

CORSICA = {"2A": "19", "2B": "18"}
MATRICULE_LENGTH = 15


class Root(StrEnum):
    """OID that assigned a matricule; the value is the OID itself, without `urn:oid:`."""

    NIR = "1.2.250.1.213.1.4.8"
    NIA = "1.2.250.1.213.1.4.9"
    NIR_TEST = "1.2.250.1.213.1.4.10"
    NIR_DEMO = "1.2.250.1.213.1.4.11"

    @property
    def real(self) -> bool:
        """True when the matricule belongs to a living person, false for test and demonstration numbers."""
        return self in (Root.NIR, Root.NIA)

    @property
    def code(self) -> str:
        """Identifier type code of `fr-core-cs-v2-0203`."""
        return f"INS-{self.name.replace('_', '-')}"


class InsFault(StrEnum):
    """What is wrong with an INS as received."""

    UNKNOWN_ROOT = "unknown-root"
    MALFORMED = "malformed"
    WRONG_KEY = "wrong-key"
    NO_KEY = "no-key"


@dataclass(frozen=True, slots=True)
class Ins:
    """A matricule of 15 characters (13 + key) and the OID that assigned it, as received."""

    matricule: str
    root: str

    @property
    def system(self) -> str:
        return f"urn:oid:{self.root}"


INS_FAMILY = "1.2.250.1.213.1.4."
"""Arc of the INS roots: an identifier of this arc with another last number than 8 to 11 claims to be an INS and is not."""

NOT_INS = frozenset(f"{INS_FAMILY}{last}" for last in (2, 13, 14))
"""Obsolete INS-C and the social security numbers: same arc, no claim to be an INS."""


def claims_to_be_ins(system: str) -> bool:
    """True when an identifier system (URN or bare OID) stands in the arc of the INS."""
    root = system.removeprefix("urn:oid:")
    return root.startswith(INS_FAMILY) and root not in NOT_INS


def key_of(nir: str) -> int:
    """Control key (1 to 97) of the 13 characters of a NIR; Corsican 2A counts as 19 and 2B as 18.

    Raises ValueError when the 13 characters are not a NIR.
    """
    department = nir[5:7].upper()
    digits = nir[:5] + CORSICA.get(department, department) + nir[7:]
    if len(nir) != MATRICULE_LENGTH - 2 or not (digits.isascii() and digits.isdigit()):
        raise ValueError("a NIR has 13 characters: digits, or 2A/2B as the department of birth")
    return 97 - int(digits) % 97


def with_key(nir: str) -> str:
    """The 15 characters of a matricule from the 13 of its NIR."""
    return f"{nir.upper()}{key_of(nir):02d}"


def fault(ins: Ins) -> InsFault | None:
    """What is wrong with this INS, or None."""
    if ins.root not in set(Root):
        return InsFault.UNKNOWN_ROOT
    try:
        expected = with_key(ins.matricule[:13])
    except ValueError:
        return InsFault.MALFORMED
    if len(ins.matricule) == MATRICULE_LENGTH - 2:
        return InsFault.NO_KEY
    return None if expected == ins.matricule.upper() else InsFault.WRONG_KEY


def refused(ins: Ins) -> bool:
    """True when a record carrying this INS is refused: unknown root, or a bad number on a root of real people.

    The official ANS examples carry test numbers with wrong keys, hence only a warning on the TEST and DEMO roots. A NIR without its key
    contradicts nothing: it identifies nobody, and its record waits as a source identity.
    """
    found = fault(ins)
    return found is InsFault.UNKNOWN_ROOT or (found not in (None, InsFault.NO_KEY) and Root(ins.root).real)


def usable(ins: Ins) -> bool:
    """True when the INS may identify somebody: known root, 15 characters, right key."""
    return fault(ins) is None
