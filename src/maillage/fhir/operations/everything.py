"""`$everything`: the record of a patient, or what belongs to an encounter, page by page, with what it names.

R4 patient-operation-everything, encounter-operation-everything. A page is walked along one index from where the last one ended, so that a
page costs the same wherever it stands in a record of any length; rows that the filters leave out are passed over in the database.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from maillage.db import Connection, fetch, load_queries
from maillage.errors import Issue
from maillage.fhir import definitions, ids
from maillage.fhir.dates import Span
from maillage.fhir.index import main_date
from maillage.fhir.past import foreign_cursor
from maillage.fhir.reading import read, stored
from maillage.fhir.rows import NO_DATE
from maillage.fhir.scope import Scope
from maillage.fhir.search import StoredPage

QUERIES = load_queries("maillage.fhir.operations")
DEFAULT_COUNT = 500
MAX_INCLUDED = 2_000
"""Resources outside of the record that come with one page."""
_NOBODY = "null::uuid"
"""What stands in nobody's record: most of what rights ask falls away when the statement is planned."""
_BEFORE_ALL = (0, NO_DATE, UUID(int=0))


@dataclass(frozen=True, slots=True)
class Everything:
    """What is asked of the record of `kind`/`id`, kind being Patient or Encounter.

    `since` and `care` (a half-open span of time) choose in the record; what is chosen brings what it names. `types` chooses in the answer.
    """

    kind: str
    id: str
    types: tuple[str, ...] = ()
    since: datetime | None = None
    care: Span | None = None
    count: int = DEFAULT_COUNT
    cursor: str | None = None


async def everything(conn: Connection, wanted: Everything, *, scope: Scope) -> StoredPage:
    """A page of the record (`matches`), and what it names outside of it (`included`). An unknown id is NotFound, a deleted one Gone.

    A page may hold less than `count` although a next one follows, where types are asked that stand outside of records.
    """
    parameters = _parameters(wanted) | dict(scope.params)
    rows = await fetch(conn, _statement(_walk(wanted), scope), parameters, binary=True)
    own, outside = [row for row in rows if row["own"]], [row for row in rows if not row["own"]]
    if not own and wanted.cursor is None:
        await read(conn, wanted.kind, wanted.id, scope=scope)
    walked = own[: wanted.count]
    following = _cursor(walked[-1]) if len(own) > wanted.count else None
    matches = [stored(row) for row in walked if not wanted.types or ids.kind(row["rt"]) in wanted.types]
    met = {(row["rt"], row["id"]) for row in own}
    included = [stored(row) for row in outside if (row["rt"], row["id"]) not in met]
    return StoredPage(matches, included[:MAX_INCLUDED], following, issues=_issues(len(outside)))


def _walk(wanted: Everything) -> str:
    if wanted.kind == "Encounter":
        return "encounter"
    return "whole" if _walked(wanted) is None else "of_types"


def _walked(wanted: Everything) -> list[int] | None:
    """The types to walk in the record: those asked for, or all of them where one is asked that only stands outside of records."""
    if not wanted.types or set(wanted.types) - {*definitions.compartment(), "Patient"}:
        return None
    return [ids.number(kind) for kind in wanted.types]


def _parameters(wanted: Everything) -> dict[str, Any]:
    rt, d0, id = _place(wanted.cursor) if wanted.cursor else _BEFORE_ALL
    key, (begin, end) = ids.key(wanted.id), wanted.care or (None, None)
    return {
        "patient": key, "encounter": key, "type": ids.number(wanted.kind), "patient_type": ids.number("Patient"),
        "rt": rt, "d0": d0, "id": id, "limit": wanted.count + 1, "most": MAX_INCLUDED + 1,
        "walked": _walked(wanted), "shown": [ids.number(kind) for kind in wanted.types] or None,
        "since": wanted.since, "begin": begin, "end": end,
    }  # fmt: skip


def _compartment() -> str:
    """The edges by which a resource is in the compartment of a patient, as an array of SQL."""
    return _array(ids.edge(kind, code) for kind, codes in definitions.compartment().items() for code in codes)


def _people() -> str:
    """Types whose main date is when someone was born, as an array of SQL."""
    return _array(ids.number(kind) for kind in definitions.resource_types() if main_date(kind) == "birthdate")


def _array(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


@lru_cache(maxsize=256)
def _text(name: str, own: str, r: str, x: str) -> bytes:
    outer = "encounter" if name == "encounter" else "record"
    text = QUERIES.text(outer)
    if outer == "record":
        text = text.replace("{walk}", QUERIES.text(name)).replace("{shared}", QUERIES.text("shared"))
    text = text.replace("{row}", QUERIES.text("row")).replace("{chosen}", QUERIES.text("chosen"))
    text = text.replace("{people}", _people()).replace("{compartment}", _compartment())
    return text.replace("{own}", own).replace("{r}", r).replace("{x}", x).encode()


def _statement(name: str, scope: Scope) -> bytes:
    if name == "encounter":
        return _text(name, "", scope.sql("r"), scope.sql("x"))
    return _text(
        name, scope.sql("r", patient="%(patient)s::uuid"), scope.sql("r", patient=_NOBODY), scope.sql("x", patient=_NOBODY)
    )


def _cursor(row: dict[str, Any]) -> str:
    return f"{row['rt']}~{row['d0']}~{row['id']}"


def _place(cursor: str) -> tuple[int, str, UUID]:
    """Where a page ended: type, main date and key, as the index orders them."""
    try:
        number, date, key = cursor.split("~")
        place = int(number), date if date == NO_DATE else datetime.fromisoformat(date).isoformat(" "), UUID(key)
    except ValueError:
        raise foreign_cursor("operation") from None
    if not 0 <= place[0] <= len(ids.TYPES):
        raise foreign_cursor("operation")
    return place


def _issues(outside: int) -> tuple[Issue, ...]:
    if outside <= MAX_INCLUDED:
        return ()
    message = f"more than {MAX_INCLUDED} resources outside of the record are named by this page: ask for fewer a page (_count)"
    return (Issue("too-costly", message, None, "warning"),)
