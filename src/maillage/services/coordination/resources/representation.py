"""RelatedPerson → who says yes or no to a plan where the person cannot.

The person decides alone as far as their state allows; somebody else does so where a judge, a mandate or the law says that they represent them (Code civil,
art. 371-1, 459, 494-6 and 477; CASF L311-4 for a plan of support). A curator assists, a person of trust tells what the person would want (CSP L1111-6): what they
say is written as theirs, and is nobody's agreement.
"""

from typing import Any

from maillage.services.coordination.resources.fact import PROTECTION
from maillage.services.coordination.resources.telling import codes
from maillage.services.rights import public as rights

Resource = dict[str, Any]
REPRESENTS = frozenset({"tutelle", "habilitation", "mandat"})
"""Measures of PROTECTIONS by which somebody may decide for the person, as far as the act that names them says so: it is joined as proof."""


def represents(related: Resource, *, today: str) -> bool:
    """Whether somebody may represent the person on this day (ISO)."""
    period = related.get("period", {})
    in_force = str(period.get("start", ""))[:10] <= today <= (str(period.get("end", ""))[:10] or "9999")
    named = rights.authority_of(related) is not None or bool(REPRESENTS & set(codes(related.get("relationship", []), PROTECTION)))
    return related.get("active") is not False and in_force and named


def needs_proof(related: Resource) -> bool:
    """Whether the act that names them is to be joined: parents are known to be by who let them in, what a judge decided stands in the judgment."""
    return rights.authority_of(related) != rights.PARENTAL
