"""Children of a supervising process: started, watched, started again when they die, stopped in reverse order."""

import asyncio
import contextlib
import ctypes
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from maillage.clock import monotonic
from maillage.errors import SetupError

READY_SECONDS = 60.0
STOP_SECONDS = 20.0
PR_SET_PDEATHSIG = 1  # prctl(2): a child is told when its parent dies, even by kill -9


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Child:
    """One process of ours. `ready_line`: it prints one JSON line on standard output when it answers."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    ready_line: bool = False
    process: asyncio.subprocess.Process | None = None
    said: dict[str, Any] = field(default_factory=dict)

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *self.arguments,
            env=dict(self.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if self.ready_line else sys.stderr,
            preexec_fn=_die_with_parent,
            start_new_session=True,  # a Ctrl-C is for the supervisor, which then stops its children in order
        )
        if self.ready_line:
            await self._read_ready_line()

    async def _read_ready_line(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        try:
            line = await asyncio.wait_for(self.process.stdout.readline(), READY_SECONDS)
            self.said = json.loads(line)
        except (TimeoutError, ValueError) as fault:
            raise SetupError(f"{self.name} did not say that it is ready in {READY_SECONDS:g} s") from fault

    async def stop(self) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


class Family:
    """The children of one supervisor, in order of start."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = False

    async def add(self, child: Child) -> Child:
        """Starts it and keeps it running: one that dies is started again, at most once a second."""
        await child.start()
        self.children.append(child)
        self._watchers.append(asyncio.create_task(self._watch(child)))
        return child

    async def _watch(self, child: Child) -> None:
        while True:
            assert child.process is not None
            started = monotonic()
            status = await child.process.wait()
            if self._stopping:
                return
            print(f"maillage: {child.name} ended with status {status}; starting it again", file=sys.stderr, flush=True)
            await asyncio.sleep(max(0.0, 1.0 - (monotonic() - started)))
            await child.start()

    async def stop(self) -> None:
        self._stopping = True
        for child in reversed(self.children):
            await child.stop()
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)


async def wait_for_port(address: str, *, name: str, seconds: float = READY_SECONDS) -> None:
    """Returns when something accepts a connection at `host:port`; a SetupError that names it otherwise."""
    host, _, port = address.rpartition(":")
    deadline = monotonic() + seconds
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError as fault:
            if monotonic() > deadline:
                raise SetupError(f"{name} does not answer at {address} after {seconds:g} s") from fault
            await asyncio.sleep(0.05)
        else:
            writer.close()
            await writer.wait_closed()
            return
