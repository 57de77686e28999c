"""A pool of connections, and transactions on it."""

import asyncio
import select
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self, cast

import psycopg
from psycopg import AsyncClientCursor, AsyncConnection, AsyncCursor, _queries
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from maillage.db.replica import Replica, of_one_cluster
from maillage.errors import Unavailable

# Prepared statements keep one plan: PostgreSQL would otherwise plan searches anew each time, which costs more than running them
# (docs/adr/0004-store.md). A statement that must be planned for its values is sent with them written in.
#
# No statement of a request may hold a connection for ever; what may last (a check of the whole trail) says so itself.
#
# A plan made without values may take a page of twenty rows for thousands and start further processes to read them: 10 ms for a history
# that takes 1. A request has its one process of the server.
OPTIONS = (
    "-c timezone=UTC -c plan_cache_mode=force_generic_plan -c max_parallel_workers_per_gather=0 -c statement_timeout={longest}"
)

# The driver remembers how it numbered the parameters of a statement, but for longer ones than 4,096 characters: what carries the condition of an
# actor's sight would be taken apart for each call, which takes longer than PostgreSQL does to answer it.
_queries.MAX_CACHED_STATEMENT_LENGTH = 65_536

LONGEST = 60.0  # seconds of one statement
SINGLES = 2  # connections for statements that are transactions of their own
FIRST_CONNECTION = 10.0  # seconds; a server that has just started answers late

Row = dict[str, Any]
Connection = AsyncConnection[Row]


@dataclass
class StatementCount:
    """How many statements were sent while it was open."""

    statements: int = 0


_count: ContextVar[StatementCount | None] = ContextVar("statement_count", default=None)


def count_one() -> None:
    """Counts a statement that another task sends, with those of others, on behalf of this one."""
    if counter := _count.get():
        counter.statements += 1


@contextmanager
def count_statements() -> Iterator[StatementCount]:
    """Counts the statements that this task sends: for query budgets of pages and for metrics."""
    counter = StatementCount()
    token = _count.set(counter)
    try:
        yield counter
    finally:
        _count.reset(token)


def end_if_cancelled() -> None:
    """Ends a task that was told to stop. A cancellation may come out of the driver as a lost connection, or not at all (Python 3.11's
    `asyncio.wait_for`, which the driver waits with, loses one that comes as its answer does): a loop calls this before it waits again,
    or it would never end."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class Pooled(AsyncConnection[Row]):
    """A connection of a `Database`."""

    kept: AsyncCursor[Row] | None = None
    """A cursor of its own for `fetch`: making one for each statement costs a third of a quick one."""
    memory: dict[Any, tuple[float, Any]]
    """What all connections of the `Database` share (see `remembered`)."""


class _CountingCursor(AsyncCursor[Row]):
    async def execute(self, *args: Any, **kwargs: Any) -> Self:
        count_one()
        return await super().execute(*args, **kwargs)


async def fetch(
    connection: Connection, statement: bytes, parameters: Mapping[str, Any], *, prepare: bool | None = True, binary: bool = False
) -> list[Row]:
    """All rows of a statement. `binary`: the columns come as PostgreSQL holds them, for types that psycopg reads so (no xid8, no tsvector)."""
    late: object = connection
    taken = await late.taken() if isinstance(late, Late) else connection
    if not isinstance(taken, Pooled):
        return await (await taken.execute(statement, parameters, prepare=prepare, binary=binary)).fetchall()
    if taken.kept is None:
        taken.kept = taken.cursor()
    # Nothing comes between these two: other tasks of the same connection are let in when this one waits again.
    await taken.kept.execute(statement, parameters, prepare=prepare, binary=binary)
    return await taken.kept.fetchall()


async def execute_planned_anew(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> AsyncCursor[Row]:
    """Runs a statement with its values written in, so that it is planned for them."""
    late: object = connection
    taken = await late.taken() if isinstance(late, Late) else connection
    return await taken.execute(AsyncClientCursor(taken).mogrify(statement.encode(), parameters).encode(), binary=True)


async def _alive(connection: Connection) -> None:
    """Refuses a pooled connection whose server is gone, without a round trip: an idle socket with bytes to read was closed."""
    # `select.select` refuses the sockets of a process that has more than a thousand open: streams are so many.
    waiting = select.poll()
    waiting.register(connection.pgconn.socket, select.POLLIN)
    if waiting.poll(0):
        connection.pgconn.consume_input()
        if connection.pgconn.status != psycopg.pq.ConnStatus.OK:
            raise psycopg.OperationalError("the server closed the connection")


def _pool(
    dsn: str,
    *,
    options: str,
    least: int,
    size: int,
    patience: float,
    memory: dict[Any, tuple[float, Any]],
    autocommit: bool = False,
    configure: Callable[[Connection], Awaitable[None]] | None = None,
) -> AsyncConnectionPool[Connection]:
    return AsyncConnectionPool(
        dsn,
        connection_class=type("Pooled", (Pooled,), {"memory": memory}),
        kwargs={
            "row_factory": dict_row,
            "cursor_factory": _CountingCursor,
            "options": options,
            "autocommit": autocommit,
            "prepare_threshold": 1,  # what is asked twice will be asked again
        },
        min_size=least,
        max_size=size,
        timeout=patience,
        configure=configure,
        check=_alive,
        open=False,
        reconnect_timeout=5,
    )


class Database:
    """Connections to one PostgreSQL: `size` at most that write, as many that only read, and SINGLES. Rows are dictionaries; times are UTC.

    Reads go to a replica, where there is one (`follow`), while it has all that was acknowledged.
    """

    def __init__(self, dsn: str, *, size: int = 8, patience: float = 10.0, longest: float = LONGEST) -> None:
        self.dsn = dsn
        self._options = OPTIONS.format(longest=round(longest * 1000))
        self._memory: dict[Any, tuple[float, Any]] = {}
        pool = partial(_pool, dsn, patience=patience, memory=self._memory)
        self._pool = pool(options=self._options, least=1, size=size)
        self._writers = _Lender(self._pool, most=size // 2)
        self._reading_options = f"{self._options} -c default_transaction_read_only=on"
        self._readers = pool(options=self._reading_options, least=0, size=size, autocommit=True)
        self._lender = _Lender(self._readers, most=size // 2)
        self._singles = pool(options=self._options, least=0, size=SINGLES, autocommit=True)
        self._teller = _Lender(self._singles, most=SINGLES)
        self._followers: AsyncConnectionPool[Connection] | None = None
        self._replica: Replica | None = None

    @classmethod
    async def open(cls, dsn: str, *, size: int = 8, patience: float = 10.0, longest: float = LONGEST) -> Self:
        """Connects, or raises Unavailable. `patience`: how many seconds a caller waits for a connection; `longest`: and a statement may take."""
        database = cls(dsn, size=size, patience=patience, longest=longest)
        try:
            await database._pool.open(wait=True, timeout=max(patience, FIRST_CONNECTION))
            await database._readers.open()
            await database._singles.open()
        except PoolTimeout as fault:
            await database.close()
            raise Unavailable(f"no connection to the database in {max(patience, FIRST_CONNECTION):g} s") from fault
        return database

    async def follow(self, dsn: str, *, size: int = 8, patience: float = 0.1) -> None:
        """From now on reads go to this streaming replica; `patience`: how many seconds one waits for it to be in step (see `Replica`).

        It need not answer yet. A server that replicates another cluster is never read from.
        """
        self._followers = _pool(
            dsn,
            options=self._reading_options,
            least=1,
            size=size,
            patience=patience,
            memory=self._memory,
            autocommit=True,
            configure=partial(of_one_cluster, self._readers),
        )
        await self._followers.open()
        self._replica = Replica(self._followers, self._readers, patience=patience)

    async def close(self) -> None:
        if self._followers:
            await self._followers.close()
        await self._lender.close()
        await self._readers.close()
        await self._teller.close()
        await self._singles.close()
        await self._writers.close()
        await self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def statistics(self) -> dict[str, int]:
        """Figures of the pools, summed, for /metrics (psycopg_pool `get_stats`). What is kept at hand is available."""
        pools = [pool for pool in (self._pool, self._readers, self._singles, self._followers) if pool]
        summed = sum((Counter(pool.get_stats()) for pool in pools), Counter[str]())
        summed["pool_available"] += self._writers.idle + self._lender.idle + self._teller.idle
        return summed | (self._replica.statistics() if self._replica else {})

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction: committed when the block ends, undone when it raises. A lost server is Unavailable."""
        with _told():
            connection = await self._writers.take()
            try:
                async with connection:
                    yield connection
            finally:
                await self._writers.give_back(connection)

    def reading(self, *, on_primary: bool = False) -> AbstractAsyncContextManager[Connection]:
        """A connection on which the server itself refuses to write. Each statement sees what is committed when it begins.

        There is no transaction to begin or to end: a statement costs one round trip. One is taken from the pool with the first statement,
        and `execute` is all that it does. A lost server is Unavailable. `on_primary` is for what decides who may come in.
        """
        return _Late(self._lender, None if on_primary else self._replica)

    @asynccontextmanager
    async def statements(self) -> AsyncIterator[Connection]:
        """A connection on which each statement is a transaction of its own: one round trip, and it is committed. A lost server is Unavailable."""
        with _told():
            connection = await self._teller.take()
            try:
                yield connection
            finally:
                await self._teller.give_back(connection)

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[Connection]:
        """A connection of its own outside the pool, for LISTEN and for what cannot run in a transaction."""
        try:
            connection = await AsyncConnection.connect(self.dsn, autocommit=True, row_factory=dict_row, options=self._options)
        except psycopg.OperationalError as fault:
            raise Unavailable("the database does not answer") from fault
        async with connection:
            yield connection


class Late(ABC):
    """Stands for a connection that is taken when its first statement comes."""

    async def execute(self, *args: Any, **kwargs: Any) -> AsyncCursor[Row]:
        return await (await self.taken()).execute(*args, **kwargs)

    @abstractmethod
    async def taken(self) -> Connection:
        """The connection itself."""


class _Lender:
    """Lends connections of a pool and keeps a few at hand: the pool's bookkeeping costs half of a quick statement.

    The one given back last is lent first: what it planned and read is still near. The pool lends them in turn, each as cold as can be.
    """

    def __init__(self, pool: AsyncConnectionPool[Connection], *, most: int) -> None:
        self._pool = pool
        self._most = most
        self._idle: list[Connection] = []
        self._waiting = 0

    @property
    def idle(self) -> int:
        """How many connections are at hand."""
        return len(self._idle)

    async def take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            try:
                await _alive(connection)
            except psycopg.OperationalError:
                await self._pool.putconn(connection)
            else:
                return connection
        self._waiting += 1
        try:
            return await self._pool.getconn()
        finally:
            self._waiting -= 1

    async def give_back(self, connection: Connection) -> None:
        usable = connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE
        if usable and not self._waiting and len(self._idle) < self._most:
            self._idle.append(connection)
        else:
            await self._pool.putconn(connection)

    async def close(self) -> None:
        while self._idle:
            await self._pool.putconn(self._idle.pop())


class _Late(Late):
    """A connection of the replica that is in step, else of the pool, taken with its first statement; given back at the end of the context."""

    def __init__(self, lender: "_Lender", replica: Replica | None) -> None:
        self._lender = lender
        self._replica = replica
        self._taken: Connection | None = None

    async def taken(self) -> Connection:
        if self._taken is None and self._replica:
            self._taken = await self._replica.take()
        if self._taken is None:
            self._replica = None
            self._taken = await self._lender.take()
        return self._taken

    async def __aenter__(self) -> Connection:
        return cast(Connection, self)

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._taken is not None:
            await (self._replica or self._lender).give_back(self._taken)
        if isinstance(fault, psycopg.errors.SerializationFailure):
            raise Unavailable("the replica had to end a statement to follow the primary: ask again") from fault
        if isinstance(fault, psycopg.Error | PoolTimeout):
            _tell(fault)


@contextmanager
def _told() -> Iterator[None]:
    """A server that is gone, or a statement that it ended, told as Unavailable."""
    try:
        yield
    except (psycopg.Error, PoolTimeout) as fault:
        _tell(fault)
        raise


def _tell(fault: BaseException) -> None:
    """Raises Unavailable for what is no fault of the statement."""
    if isinstance(fault, PoolTimeout | psycopg.errors.AdminShutdown | psycopg.errors.CannotConnectNow):
        raise Unavailable("the database does not answer") from fault
    if isinstance(fault, psycopg.errors.QueryCanceled):
        end_if_cancelled()
        raise Unavailable("the database took too long over a statement") from fault
    if isinstance(fault, psycopg.OperationalError):
        end_if_cancelled()
        if fault.sqlstate is None or fault.sqlstate[:2] in {"08", "57"}:
            raise Unavailable("the connection to the database was lost") from fault
