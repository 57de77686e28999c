"""An emulator of clamd, which says that it is one: it knows the EICAR test file, and nothing else."""

from maillage.connectors.clamd.emulator.daemon import Daemon, emulated_clamd

__all__ = ["Daemon", "emulated_clamd"]
