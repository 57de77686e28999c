"""The processes that wait for work: reactions and jobs, and the MLLP door."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace

import uvloop

from maillage import logs
from maillage.access import anchor, erasures
from maillage.access.platform import Platform
from maillage.app import database_of, keep_what_is_loaded, load_services, mailer_of, platform_of
from maillage.config import Config
from maillage.connectors.push import pusher_of
from maillage.jobs import JobRunner, Outside, declared_in
from maillage.services.exchange.ports import serve_mllp

YIELDS = 5  # the worker gives way to the web and the MLLP door: there someone waits for an answer
DOOR_PATIENCE = 1.0  # the MLLP door itself waits for the database, message by message

Task = Callable[[Platform, asyncio.Event], Awaitable[None]]


def work(config: Config) -> int:
    """The worker: reacts to events and runs jobs until it is told to stop; what is in hand is finished first."""
    logs.configure(config.log_level, process="worker")
    os.nice(YIELDS)
    return _until_told_to_stop(config, _work)


def receive(config: Config) -> int:
    """The MLLP door: takes messages until it is told to stop; what is in hand is finished first."""
    logs.configure(config.log_level, process="mllp")
    return _until_told_to_stop(config, _receive, patience=DOOR_PATIENCE)


async def _work(platform: Platform, stop: asyncio.Event) -> None:
    reactions, tasks = declared_in(load_services("jobs"))
    runner = JobRunner(
        database=platform.database, access=platform.access, clock=platform.clock, outside=_outside(platform), reactions=reactions, tasks=tasks,
    )  # fmt: skip
    working = asyncio.create_task(runner.run())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not working.done():
        working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


async def _receive(platform: Platform, stop: asyncio.Event) -> None:
    await serve_mllp(platform, stop=stop)


def _outside(platform: Platform) -> Outside:
    config = platform.config
    return Outside(
        mail=mailer_of(platform), base_url=config.base_url, anchor=anchor.folder_of(config), erasures=erasures.folder_of(config), alert=config.audit_alert,
        push=pusher_of(config, platform.clock),
    )  # fmt: skip


def _until_told_to_stop(config: Config, task: Task, *, patience: float = 10.0) -> int:
    with database_of(config) as dsn:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(replace(config, database_url=dsn), task, patience))
    return 0


async def _run(config: Config, task: Task, patience: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    load_services()
    async with platform_of(config, patience=patience) as platform:
        keep_what_is_loaded()
        await task(platform, stop)
