"""A transaction that begins with its first statement."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Self, cast

from psycopg import AsyncCursor, AsyncTransaction
from psycopg.pq import TransactionStatus

from maillage.db.pool import Connection, Database, Late, Row


class LateTransaction(Late):
    """Stands for the connection of a transaction: who sends no statement takes none from the pool.

    It has what our code asks of a connection: `execute`, `cursor` and `transaction`. As a context it ends as `Database.transaction` does.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._transaction: AbstractAsyncContextManager[Connection] | None = None
        self._begun: Connection | None = None

    @property
    def begun(self) -> bool:
        """Whether it has sent a statement."""
        return self._begun is not None

    @property
    def connection(self) -> Connection:
        """Itself, for what takes a connection."""
        return cast(Connection, self)

    @asynccontextmanager
    async def cursor(self) -> AsyncIterator[AsyncCursor[Row]]:
        """As a connection's."""
        async with (await self.taken()).cursor() as cursor:
            yield cursor

    @asynccontextmanager
    async def transaction(self, *args: Any, **kwargs: Any) -> AsyncIterator[AsyncTransaction]:
        """As a connection's: a savepoint."""
        conn = await self.taken()
        if conn.info.transaction_status is TransactionStatus.IDLE:
            await conn.execute(
                b"select"
            )  # begins: of an idle connection the block would be the whole transaction, committed at its end
        async with conn.transaction(*args, **kwargs) as savepoint:
            yield savepoint

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *fault: Any) -> bool | None:
        if self._transaction is None or self._begun is None:
            return None
        return await self._transaction.__aexit__(*fault)

    async def taken(self) -> Connection:
        """The connection itself."""
        if self._begun is None:
            self._transaction = self._database.transaction()
            self._begun = await self._transaction.__aenter__()
        return self._begun


def begun(conn: Connection) -> bool:
    """Whether a statement was sent on this connection."""
    late: object = conn
    return not isinstance(late, LateTransaction) or late.begun
