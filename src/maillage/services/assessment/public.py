"""What other services may ask of assessment."""

from maillage.services.assessment.resources import notices as _notices
from maillage.services.assessment.service import guarding as _guarding
from maillage.services.assessment.service.library import library, named
from maillage.services.assessment.service.own import asked_of

__all__ = ["asked_of", "library", "named"]
declared = (_guarding, _notices)  # wherever the service is loaded
