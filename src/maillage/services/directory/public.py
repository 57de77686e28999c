"""What other services may ask of the directory."""

from maillage.services.directory.resources.members import Member, reader, somebody
from maillage.services.directory.service import (
    circle,
    circles,
    find_practitioner,
    general_practitioner,
    organization_by_finess,
    professionals,
)

__all__ = [
    "Member",
    "circle",
    "circles",
    "find_practitioner",
    "general_practitioner",
    "organization_by_finess",
    "professionals",
    "reader",
    "somebody",
]
