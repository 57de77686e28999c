"""How an emulator is served: on a socket of its own, with one JSON line on standard output once it answers."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.types import ASGIApp

START_SECONDS = 10.0


def free_port(host: str) -> int:
    """A port nobody listens on at this instant."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def served(app: ASGIApp, *, host: str, port: int) -> AsyncIterator[str]:
    """Serve an application in this event loop while the block lasts; gives its address once it answers."""
    server = Server(app, address=host, port=port, interface=Interfaces.ASGI, log_enabled=False, websockets=False)
    running = asyncio.create_task(server.serve())
    address = f"http://{host}:{port}"
    try:
        await _answers(address, running)
        yield address
    finally:
        server.stop()  # type: ignore[no-untyped-call]  # granian does not annotate it
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def _answers(address: str, running: "asyncio.Task[Any]") -> None:
    async with asyncio.timeout(START_SECONDS), httpx.AsyncClient() as client:
        while not running.done():
            with contextlib.suppress(httpx.TransportError):
                await client.get(address)
                return
            await asyncio.sleep(0.02)
    running.result()
    raise OSError(f"nothing listens at {address}")


async def until_told_to_stop(ready: dict[str, Any]) -> None:
    """Print the ready line, then wait for SIGTERM, SIGINT, or the end of standard input's other side."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()
    await stop.wait()
