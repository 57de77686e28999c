"""What others may ask of steering: adding to the counts what came without an event (an import, the demo territory)."""

from maillage.services.steering.service import Tally, count

__all__ = ["Tally", "count"]
