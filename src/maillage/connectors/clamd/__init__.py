"""ClamAV's daemon, or another scanner that speaks its protocol (clamd(8), « COMMANDS »)."""

from maillage.connectors.clamd.client import Clamd, clamd_of

__all__ = ["Clamd", "clamd_of"]
