"""The web process: it starts its workers and starts again those that die. What answers (`maillage.app`) is loaded by the workers alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from granian.constants import Interfaces
from granian.server import Server

from maillage.config import Config

BACKLOG = 4_096
AT_ONCE = 5_000
"""Answers that one worker gives at the same time: as many open streams as it holds (`http.live.MOST_STREAMS`), and the pages of those who have them. By
default granian shares its backlog among the workers, and holds up everything beyond some hundreds of streams."""


def serve(config: Config) -> int:
    """Granian with `config.web_workers` workers, until it is told to stop."""
    host, _, port = config.web.rpartition(":")
    with _database_of(config) as dsn:
        os.environ.update(replace(config, database_url=dsn).environment())
        Server(
            "maillage.app:application",
            address=host,
            port=int(port),
            interface=Interfaces.ASGI,
            workers=config.web_workers,
            factory=True,
            log_access=False,
            respawn_failed_workers=True,
            workers_kill_timeout=15,
            backlog=BACKLOG,
            backpressure=AT_ONCE,
        ).serve()
    return 0


@contextmanager
def _database_of(config: Config) -> Iterator[str]:
    if config.database_url:
        yield config.database_url
        return
    from maillage.app import database_of

    with database_of(config) as dsn:
        yield dsn
