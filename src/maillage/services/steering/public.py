"""What others may ask of steering: counting what came without an event (an import, the demo territory)."""

from maillage.services.steering.service import Tally, count, local_day

__all__ = ["Tally", "count", "local_day"]
