"""What other services may ask of rights."""

from maillage.services.rights.rules import OTHERS, Visit
from maillage.services.rights.service import Visits, person_of, who_looked, who_opened

__all__ = ["OTHERS", "Visit", "Visits", "person_of", "who_looked", "who_opened"]
