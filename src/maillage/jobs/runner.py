"""The worker: reactions, tasks and schedules of one process, its heartbeat, and what was left by workers that were killed."""

import asyncio
import os
import socket
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import procrastinate
import structlog
from psycopg import OperationalError

from maillage import __version__
from maillage.access.access import Access
from maillage.clock import Clock
from maillage.db import Database, end_if_cancelled, load_queries
from maillage.errors import Unavailable
from maillage.jobs.faults import place_of
from maillage.jobs.reactions import Reaction
from maillage.jobs.reactor import Reactor
from maillage.jobs.tasks import Outside, Task

log = structlog.get_logger(__name__)

QUERIES = load_queries("maillage.jobs")
BEAT_SECONDS = 5.0
CLEAN_SECONDS = 60.0
STALLED_SECONDS = 30
TASKS_AT_ONCE = 4
KEEP_MARKS = timedelta(days=7)
FORGET_WORKERS = timedelta(hours=1)


class TaskFailed(Exception):
    """A job's failure as procrastinate sees it: class and place, without the message."""


class JobRunner:
    """All that one worker process does. Several may run on the same database."""

    def __init__(
        self,
        *,
        database: Database,
        access: Access,
        clock: Clock,
        outside: Outside,
        reactions: Iterable[Reaction],
        tasks: Iterable[Task],
    ) -> None:
        self.reactor = Reactor(database=database, access=access, clock=clock, reactions=list(reactions))
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self._database = database
        self._access = access
        self._clock = clock
        self._outside = outside
        self._queue = procrastinate.App(
            connector=procrastinate.PsycopgConnector(conninfo=database.dsn, min_size=1, max_size=3, timeout=5)
        )
        for one in tasks:
            self._register(one)

    async def run(self) -> None:
        """Work until cancelled; then the job in hand is finished or undone, and taken up by the next worker."""
        await self._begin()
        try:
            async with self._queue.open_async(), asyncio.TaskGroup() as group:
                group.create_task(self.reactor.run())
                group.create_task(self._work_always())
                group.create_task(self._beat_always())
                group.create_task(self._clean_always())
        finally:
            await self._leave()

    async def _begin(self) -> None:
        """Says that it is there, as soon as the database answers: one that is lost while a worker starts comes back as one that is lost later."""
        while True:
            try:
                await self.reactor.prepare()
                await self._beat()
                return
            except (Unavailable, OperationalError) as error:
                end_if_cancelled()
                log.warning("start_waits_for_database", error=type(error).__name__)
            await asyncio.sleep(1)

    def _register(self, one: Task) -> None:
        retry = procrastinate.RetryStrategy(max_attempts=one.attempts, exponential_wait=3)
        if one.cron is None:

            async def run(context: procrastinate.JobContext, /, **arguments: Any) -> None:
                await self._run(one, context, arguments)

            self._queue.task(name=one.name, queue=one.queue, retry=retry, pass_context=True)(run)
        else:

            async def run_at(context: procrastinate.JobContext, /, timestamp: int) -> None:
                await self._run(one, context, {})

            at_times = self._queue.periodic(cron=one.cron)
            at_times(self._queue.task(name=one.name, queue=one.queue, retry=retry, pass_context=True)(run_at))

    async def _run(self, one: Task, context: procrastinate.JobContext, arguments: dict[str, Any]) -> None:
        job_id = context.job.id
        if job_id is None:
            raise TaskFailed("the job has no number")
        try:
            await one.run(self._access, self._outside, job_id, arguments)
        except Exception as error:  # noqa: BLE001  # the queue keeps and logs what it is given: no message, no values
            fault = place_of(error)
            log.warning("task_failed", task=one.name, attempts=context.job.attempts + 1, fault=fault)
            raise TaskFailed(fault) from None

    async def _work_always(self) -> None:
        while True:
            try:
                await self._queue.run_worker_async(
                    concurrency=TASKS_AT_ONCE, name=self.name, install_signal_handlers=False, delete_jobs="successful",
                    shutdown_graceful_timeout=10, stalled_worker_timeout=STALLED_SECONDS,
                )  # fmt: skip
            except (OperationalError, procrastinate.exceptions.ConnectorException) as error:
                end_if_cancelled()
                log.warning("tasks_wait_for_database", error=type(error).__name__)
            end_if_cancelled()
            await asyncio.sleep(1)

    async def _beat_always(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self._beat()
            except (Unavailable, OperationalError) as error:
                end_if_cancelled()
                log.warning("heartbeat_missed", error=type(error).__name__)

    async def _beat(self) -> None:
        async with self._database.transaction() as conn:
            await QUERIES.beat(conn, worker=self.name, now=self._clock.now(), version=__version__)

    async def _leave(self) -> None:
        try:
            async with self._database.transaction() as conn:
                await QUERIES.leave(conn, worker=self.name)
        except (Unavailable, OperationalError) as error:  # it is forgotten later by the others
            log.warning("heartbeat_missed", error=type(error).__name__)

    async def _clean_always(self) -> None:
        while True:
            try:
                await self._clean()
            except (Unavailable, OperationalError, procrastinate.exceptions.ConnectorException) as error:
                end_if_cancelled()
                log.warning("cleaning_missed", error=type(error).__name__)
            end_if_cancelled()
            await asyncio.sleep(CLEAN_SECONDS)

    async def _clean(self) -> None:
        """Take up the jobs of workers that were killed; forget old marks."""
        now = self._clock.now()
        for job in await self._queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
            log.warning("job_taken_up", task=job.task_name)
            await self._queue.job_manager.retry_job(job, retry_at=now)
        async with self._database.transaction() as conn:
            await QUERIES.forget_done(conn, before=now - KEEP_MARKS)
            await QUERIES.forget_workers(conn, before=now - FORGET_WORKERS)
