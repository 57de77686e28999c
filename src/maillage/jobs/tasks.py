"""Tasks: work put off until after a commit (`ctx.later`), or done at set times, declared in a service's `jobs.py`.

A `task` works in the database: its effect is committed once. An `errand` goes outside (mail): it happens at least once, and hands on
`job.key` so that the other side can recognise a second time.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from maillage.access.access import Access
from maillage.access.actors import job_actor
from maillage.access.context import Context
from maillage.connectors.mail import Mailer
from maillage.connectors.push import Pusher
from maillage.db import Connection, load_queries
from maillage.jobs.naming import name_of

QUERIES = load_queries("maillage.jobs")
ATTEMPTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What errands use: the connectors, and the address at which people reach the platform, for what they are sent.

    `anchor` is the folder where the heads of the trail are kept, `alert` the address that is told when it no longer holds ("": nobody),
    `erasures` the folder that lists what was erased; `push` is None where the operator set no key.
    """

    mail: Mailer
    base_url: str
    anchor: Path
    erasures: Path
    alert: str = ""
    push: Pusher | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What an errand is given: the outside, and contexts to read what it needs and note what came of it."""

    name: str
    key: str
    outside: Outside
    access: Access

    @asynccontextmanager
    async def act(self, *, read_only: bool = False) -> AsyncIterator[Context]:
        """A transaction of its own: open it before or after going outside, never around it."""
        async with self.access.act(job_actor(self.name), read_only=read_only, door="job") as ctx:
            yield ctx


Handler = Callable[..., Awaitable[None]]


class Run(Protocol):
    """How a worker runs one job of a task."""

    async def __call__(self, access: Access, outside: Outside, job_id: int, arguments: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Work that can be put off. `cron` (UTC) makes it happen by itself; `attempts` failures in a row end it."""

    name: str
    handler: Handler
    queue: str = "default"
    attempts: int = ATTEMPTS
    cron: str | None = None
    moment: datetime | None = None

    async def __call__(self, *given: Any, **arguments: Any) -> None:
        """Run the handler now."""
        await self.handler(*given, **arguments)

    def at(self, moment: datetime) -> "Task":
        """The same task, not before this moment: `await ctx.later(remind.at(moment), patient=…)`."""
        return replace(self, moment=moment)

    async def defer(self, conn: Connection, **arguments: Any) -> None:
        """Write the job in this transaction. Arguments are identifiers and codes: they are stored in plain JSON."""
        text = msgspec.json.encode(arguments).decode()
        await QUERIES.defer_task(conn, queue=self.queue, task=self.name, arguments=text, at=self.moment)

    async def run(self, access: Access, outside: Outside, job_id: int, arguments: dict[str, Any]) -> None:
        """One transaction for the effect and for the mark that it happened: a job run again after a crash changes nothing."""
        async with access.act(job_actor(self.name), door="job") as ctx:
            if await ctx.run(QUERIES.begin_job, job=job_id, now=ctx.now):
                await self.handler(ctx, **arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand(Task):
    """A task that goes outside."""

    async def run(self, access: Access, outside: Outside, job_id: int, arguments: dict[str, Any]) -> None:
        """No transaction is held while it is outside."""
        job = Job(name=self.name, key=f"{self.name}-{job_id}", outside=outside, access=access)
        await self.handler(job, **arguments)


def task(*, queue: str = "default", attempts: int = ATTEMPTS) -> Callable[[Handler], Task]:
    """Declare `async def handler(ctx, *, …)`: one transaction."""
    return lambda handler: Task(name=name_of(handler), handler=handler, queue=queue, attempts=attempts)


def errand(*, queue: str = "outside", attempts: int = ATTEMPTS) -> Callable[[Handler], Errand]:
    """Declare `async def handler(job, *, …)`: it goes outside with `job.outside`, and opens `job.act()` to read or note."""
    return lambda handler: Errand(name=name_of(handler), handler=handler, queue=queue, attempts=attempts)


def periodic(cron: str, *, attempts: int = ATTEMPTS) -> Callable[[Handler], Task]:
    """Declare `async def handler(ctx)` as done at these times (five cron fields, UTC), once however many workers there are."""
    return lambda handler: Task(name=name_of(handler), handler=handler, attempts=attempts, cron=cron)
