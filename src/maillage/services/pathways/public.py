"""What other services may call of pathways."""

from maillage.services.pathways.resources import Action
from maillage.services.pathways.service import action

__all__ = ["Action", "action"]
