"""What others may ask of portal: whose records somebody with a proven identity may open."""

from maillage.services.portal.service.citizens import records_of

__all__ = ["records_of"]
