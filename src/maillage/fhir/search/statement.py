"""Writes the SQL of a planned search: the page of matches, what it includes, and the count."""

from maillage.fhir import ids
from maillage.fhir.compartment import home
from maillage.fhir.rows import long
from maillage.fhir.scope import Scope
from maillage.fhir.search.compose import Composer, Row, Statement
from maillage.fhir.search.criteria import Criterion, IdIs, MainDate, RefersTo, TokenIs
from maillage.fhir.search.plan import Drive, Plan
from maillage.fhir.search.query import Include, SearchQuery, SortKey

MAX_INCLUDED = 1_000
_R = "r"
_FIELDS = "rt, id, version, updated, patient, body"
_COLUMNS = {"date": ("d0", "timestamptz"), "updated": ("updated", "timestamptz"), "id": ("id", "uuid")}


def page(query: SearchQuery, plan: Plan, scope: Scope, after: list[str] | None) -> Statement:
    """The statement of one page: matches in order (one more than asked for tells that there is a next page), then what they include.

    Rows: `mode` match or include, the fields of a stored version, and for matches `k0`, `k1`… = the keys of the order as text.
    """
    composer = Composer(scope, free=plan.drive is Drive.FREE)
    limit = composer.bind(query.count + 1, "int8")
    matches = _matches(query, plan, composer, after, limit)
    keys = ", ".join(f"{_COLUMNS[key.column][0]}::text as k{i}" for i, key in enumerate(plan.order))
    if not (query.includes or query.revincludes):
        text = f"select 'match' as mode, {_FIELDS}, {keys} from ({matches} limit {limit}) m"
        return Statement(text, composer.params, not composer.free)
    nothing = ", ".join(f"null as k{i}" for i in range(len(plan.order)))
    shown = composer.bind(query.count, "int8")
    text = (
        f"with m as materialized ({matches} limit {limit}), page as materialized (select * from m limit {shown})"
        f" select 'match' as mode, {_FIELDS}, {keys} from m"
        f" union all select 'include', {_FIELDS}, {nothing} from ({_included(query, composer)}) x"
    )
    return Statement(text, composer.params, not composer.free)


def count(query: SearchQuery, plan: Plan, scope: Scope) -> Statement:
    """The statement that counts the matches the caller may see."""
    composer = Composer(scope, free=plan.drive is not Drive.HOT)
    if plan.drive is Drive.HOT:
        found = _hot(query, plan, composer)
    else:
        found = f"res r where {_conditions(query.criteria, Row(_R, query.kind), composer)}"
    return Statement(f"select count(*) as total from {found}", composer.params, not composer.free)


def _matches(query: SearchQuery, plan: Plan, composer: Composer, after: list[str] | None, limit: str) -> str:
    if plan.drive is Drive.HOT:
        found = _hot(query, plan, composer, after=after, limit=limit, whole=True)
        return f"select r.* from {found} order by {_order(plan.order, 'h')}"
    row = Row(_R, query.kind)
    source, driving = "res r", f"r.rt = {row.rt}"
    match plan.driver.answers:
        case [IdIs(keys)]:
            driving += f" and r.id = any({composer.bind(list(keys), 'uuid[]')})"
        case [RefersTo(patient=patient)] if patient:
            driving += f" and r.patient = {composer.bind(patient, 'uuid')}"
        case [TokenIs(values)]:
            source = f"(select * from res where tok && {composer.bind(list(values), 'int8[]')} offset 0) r"
    if plan.drive is Drive.DATE:
        driving += _bounded("r", plan, composer)
    conditions = [driving, composer.seen(row), *(criterion.sql(row, composer) for criterion in _rest(query, plan))]
    if after:
        conditions.append(_beyond(plan.order, "r", after, composer))
    return f"select {_R}.* from {source} where {' and '.join(conditions)} order by {_order(plan.order, 'r')}"


def _rest(query: SearchQuery, plan: Plan) -> list[Criterion]:
    """The criteria that the driving index does not answer."""
    return [criterion for criterion in query.criteria if not any(criterion is one for one in plan.driver.answers)]


def _hot(
    query: SearchQuery, plan: Plan, composer: Composer, *, after: list[str] | None = None, limit: str = "", whole: bool = False
) -> str:
    """Keys `h` in the order of the date, seen by the caller, then (`whole`, or where the keys do not answer everything) their rows `r`
    one by one until the page is full. Where the keys answer everything, no more of them are taken than the page holds.
    """
    row, h, key = Row(_R, query.kind), Row("h", query.kind), plan.driver.key
    rest = _rest(query, plan)
    dates = [criterion.sql(h, composer) for criterion in rest if isinstance(criterion, MainDate)]
    others = [criterion.sql(row, composer) for criterion in rest if not isinstance(criterion, MainDate)]
    conditions = [f"({composer.scope.sql('h', rt=str(row.rt))})", *dates]
    if after:
        conditions.append(_beyond(plan.order, "h", after, composer))
    enough = f" order by {_order(plan.order, 'h')} limit {limit}" if limit and not others else ""
    arms = (
        f"(select h.d0, h.id from hot h where h.k = {composer.bind(k, 'int8')}"
        f"{_bounded('h', plan, composer, beyond_short=k != key)} and {' and '.join(conditions)}{enough})"
        for k in (key, long(key))
    )
    keys = f"(select * from ({' union all '.join(arms)}) h{enough}) h"
    if not (whole or others):
        return keys
    return f"{keys} cross join lateral (select * from res r where {' and '.join([f'r.rt = {row.rt} and r.id = h.id', *others])} limit 1) r"


def _bounded(alias: str, plan: Plan, composer: Composer, *, beyond_short: bool = False) -> str:
    """The bounds of the main date as an index reads them; ranges `beyond_short` begin before the lower one, unless it holds for all."""
    bounds, text = plan.bounds, ""
    if bounds.lower and (bounds.long or not beyond_short):
        text += f" and {alias}.d0 >= {composer.bind(bounds.lower, 'timestamptz')}"
    if bounds.upper:
        text += f" and {alias}.d0 < {composer.bind(bounds.upper, 'timestamptz')}"
    return text


def _conditions(criteria: tuple[Criterion, ...], row: Row, composer: Composer) -> str:
    return " and ".join([f"r.rt = {row.rt}", composer.seen(row), *(criterion.sql(row, composer) for criterion in criteria)])


def _order(keys: tuple[SortKey, ...], alias: str) -> str:
    return ", ".join(f"{alias}.{_COLUMNS[key.column][0]}{' desc' if key.descending else ''}" for key in keys)


def _beyond(keys: tuple[SortKey, ...], alias: str, after: list[str], composer: Composer) -> str:
    """What comes after a row in the order: one comparison of rows where all keys run the same way, else spelled out."""
    places = [
        (f"{alias}.{_COLUMNS[key.column][0]}", composer.bind(value, _COLUMNS[key.column][1]))
        for key, value in zip(keys, after, strict=True)
    ]
    if len({key.descending for key in keys}) == 1:
        columns, values = zip(*places, strict=True)
        return f"({', '.join(columns)}) {'<' if keys[0].descending else '>'} ({', '.join(values)})"
    steps, same = [], ""
    for key, (column, value) in zip(keys, places, strict=True):
        steps.append(f"({same}{column} {'<' if key.descending else '>'} {value})")
        same += f"{column} = {value} and "
    return f"({' or '.join(steps)})"


def _included(query: SearchQuery, composer: Composer) -> str:
    """What the page refers to, and what refers to it, each within the caller's scope, one more than allowed to tell that there is more."""
    parts = [part for include in query.includes for part in _includes(include, query.kind, composer)]
    parts += [part for include in query.revincludes for part in _revincludes(include, query.kind, composer)]
    limit = composer.bind(MAX_INCLUDED + 1, "int8")
    return f"select distinct on (rt, id) * from ({' union all '.join(parts)}) y limit {limit}"


def _includes(include: Include, kind: str, composer: Composer) -> list[str]:
    narrowed = f" and f.dt = {ids.number(include.target)}" if include.target else ""
    edges = composer.bind([ids.edge(kind, code) for code in include.parameters], "int4[]")
    seen = composer.scope.sql("x")
    parts = [
        f"select {_fields('x')} from (select distinct f.dt, f.dst from page join refs f on f.src = page.id and f.st = page.rt"
        f" where f.p = any({edges}){narrowed}) f cross join lateral (select * from res where rt = f.dt and id = f.dst limit 1) x where ({seen})"
    ]
    if set(include.parameters) & set(home(kind)) and include.target in {None, "Patient"}:
        patients = "select distinct patient from page where patient is not null"
        parts.append(
            f"select {_fields('x')} from ({patients}) p cross join lateral"
            f" (select * from res where rt = {ids.number('Patient')} and id = p.patient limit 1) x where ({seen})"
        )
    return parts


def _revincludes(include: Include, kind: str, composer: Composer) -> list[str]:
    number, seen = ids.number(include.kind), composer.scope.sql("x")
    edges = composer.bind([ids.edge(include.kind, code) for code in include.parameters], "int4[]")
    parts = [
        f"select {_fields('x')} from (select distinct f.st, f.src from page join refs f on f.dst = page.id and f.dt = page.rt"
        f" where f.p = any({edges}) and f.st = {number}) f"
        f" cross join lateral (select * from res where rt = f.st and id = f.src limit 1) x where ({seen})"
    ]
    if set(include.parameters) & set(home(include.kind)) and kind == "Patient":
        parts.append(
            f"select {_fields('x')} from page cross join lateral"
            f" (select * from res where rt = {number} and patient = page.id order by d0 desc limit {MAX_INCLUDED + 1}) x where ({seen})"
        )
    return parts


def _fields(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in _FIELDS.split(", "))
