"""What other services may ask of the directory."""

from maillage.services.directory.resources.members import SECTORS, Member, display_name, reader, somebody
from maillage.services.directory.service import (
    circle,
    circles,
    find_practitioner,
    general_practitioner,
    organization_by_finess,
    professionals,
)

__all__ = [
    "SECTORS",
    "Member",
    "circle",
    "circles",
    "display_name",
    "find_practitioner",
    "general_practitioner",
    "organization_by_finess",
    "professionals",
    "reader",
    "somebody",
]
