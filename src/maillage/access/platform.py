"""What one process acts with."""

from dataclasses import dataclass

from maillage.access.access import Access
from maillage.clock import Clock
from maillage.config import Config
from maillage.db import Database
from maillage.files import Files


@dataclass(frozen=True)
class Platform:
    """The parts of a process, connected: made once by `maillage.app`, handed to every door, job and act of an operator."""

    config: Config
    clock: Clock
    database: Database
    files: Files
    access: Access
