"""References between records, and the names under which the tables of access keep those referred to."""

import re
from hashlib import md5, sha256
from typing import Any
from uuid import UUID

from maillage.access.actors import Actor

_LOCAL = re.compile(r"^(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.\-]{1,64})(/_history/[A-Za-z0-9.\-]+)?$")


def grantee(reference: str) -> UUID:
    """The name of a reference in the grant tables: the first half of its SHA-256, so that ids of two types never meet."""
    return UUID(bytes=sha256(reference.encode()).digest()[:16])


def at_work_in(role: str) -> UUID:
    """The key of whoever works in this role ("PractitionerRole/7") now. No record names it: what they see comes by memberships, and ends with them."""
    return UUID(md5(str(grantee(role)).encode(), usedforsecurity=False).hexdigest())


ATTENDING = "attending"
"""Among those whom a mask excepts: the attending physician of the person, whoever that is when it is asked."""


def attending(reference: str) -> str:
    """The name by which a Patient says that somebody ("Practitioner/12") is their attending physician."""
    return f"{ATTENDING}/{reference}"


def own_name(actor: Actor) -> UUID | None:
    """The key under which the records name somebody: where they work now, if a place was chosen, else themself."""
    return at_work_in(actor.situation) if actor.situation else grantee(actor.reference) if actor.reference else None


def local(reference: object) -> str | None:
    """The "Type/id" of a FHIR Reference (or its text) to a record of this store; None for any other."""
    text = reference.get("reference") if isinstance(reference, dict) else reference
    match = _LOCAL.match(text) if isinstance(text, str) else None
    return f"{match['type']}/{match['id']}" if match else None


def as_list(value: Any) -> list[Any]:
    """The values of an element that may come once or several times."""
    return value if isinstance(value, list) else [] if value is None else [value]
