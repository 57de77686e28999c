"""The look of Maillage: templates, components, French words, built files. Services render their pages with `render`."""

from maillage.ui.assets import BUILD
from maillage.ui.banner import AllergyState, Banner, InsStatus
from maillage.ui.rendering import render

__all__ = ["BUILD", "AllergyState", "Banner", "InsStatus", "render"]
