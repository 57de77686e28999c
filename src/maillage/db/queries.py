"""SQL that lives in SQL files: named, described in a line, with bound parameters.

    -- name: find_message :one
    -- The inbound message of this source with this control id.
    select … where source = %(source)s

Kinds: `:one` a row or None, `:many` rows, `:value` the first column of the first row, `:exec` the number of rows touched,
`:fragment` text that another statement embeds.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from maillage.db.pool import Connection, fetch
from maillage.errors import SetupError

_FETCHED = frozenset({"one", "many", "value"})
_HEADER = re.compile(r"^-- name: (?P<name>[a-z][a-z0-9_]*) :(?P<kind>one|many|value|exec|fragment)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Query:
    """One named statement. Call it with a connection and its parameters by keyword."""

    name: str
    kind: str
    about: str
    sql: str

    async def __call__(self, connection: Connection, **parameters: Any) -> Any:
        """Runs it. One: dict or None; many: list of dicts; value: the value or None; exec: count of rows."""
        if self.kind not in _FETCHED:
            return (await connection.execute(self.sql.encode(), parameters)).rowcount
        rows = await fetch(connection, self.sql.encode(), parameters, prepare=None)
        if self.kind == "many":
            return rows
        first = rows[0] if rows else None
        return next(iter(first.values())) if first and self.kind == "value" else first


class Queries:
    """The statements of one file, as attributes."""

    def __init__(self, statements: dict[str, Query], origin: str) -> None:
        self._statements = statements
        self._origin = origin

    def __getattr__(self, name: str) -> Query:
        try:
            return self._statements[name]
        except KeyError:
            raise AttributeError(f"{self._origin} has no statement named {name}") from None

    def __iter__(self) -> Any:
        return iter(self._statements.values())

    def text(self, name: str) -> str:
        """The SQL of a statement or fragment, for one that embeds it."""
        return getattr(self, name).sql  # type: ignore[no-any-return]  # __getattr__ answers a Query


@cache
def load_queries(package: str, file: str = "queries.sql") -> Queries:
    """The statements of `file` in `package`; a malformed file is a SetupError that names it."""
    return parse(files(package).joinpath(file).read_text("utf-8"), origin=f"{package}/{file}")


def parse(text: str, *, origin: str) -> Queries:
    headers = list(_HEADER.finditer(text))
    if text.count("-- name:") != len(headers):
        raise SetupError(f"{origin}: a '-- name:' line is not of the form '-- name: some_name :kind'")
    statements: dict[str, Query] = {}
    for header, following in zip(headers, [*headers[1:], None], strict=True):
        body = text[header.end() : following.start() if following else len(text)].strip().splitlines()
        about = [line.removeprefix("--").strip() for line in body if line.startswith("--")]
        sql = "\n".join(line for line in body if not line.startswith("--")).strip().rstrip(";")
        name = header["name"]
        if not about or not sql or name in statements:
            raise SetupError(f"{origin}: {name} needs a line that describes it, a statement, and a name of its own")
        statements[name] = Query(name, header["kind"], " ".join(about), sql)
    return Queries(statements, origin)
