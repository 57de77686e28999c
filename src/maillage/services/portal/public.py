"""What others may ask of portal: whose records somebody with a proven identity may open."""

from maillage.services.portal.service.citizens import records_of
from maillage.services.portal.service.forgetting import forget_marks

__all__ = ["forget_marks", "records_of"]
