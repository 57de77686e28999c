"""The matches of a search as SQL, one form for each thing that can drive it."""

from uuid import UUID

from msgspec import Struct

from maillage.fhir.rows import long
from maillage.fhir.search.chains import listed
from maillage.fhir.search.compose import Composer, Row
from maillage.fhir.search.criteria import LONGER, Criterion, IdIs, MainDate, RefersTo, TokenIs, UpdatedAt
from maillage.fhir.search.drivers import Drive, Driver
from maillage.fhir.search.numbers import AmountIs
from maillage.fhir.search.orders import beyond, order_by
from maillage.fhir.search.plan import Plan
from maillage.fhir.search.query import After, SearchQuery
from maillage.fhir.search.texts import with_texts

FEW = 1_000
"""Ids that a list may have for its rows to be fetched and sorted."""
GRANTS = 200
"""Records given to the caller that may be looked into one by one."""
_NO_END = 2**62
"""A limit that is never reached. The planner, who does not know it, plans for the first rows and not for all."""
_FIRST = UUID(int=0)
_R = "r"
_LISTED = (Drive.FEW, Drive.CIRCLE, Drive.WHOLE)
_ID_FIRST = "s"
"""Ids that are listed are put in order before their rows are fetched, so that no more of these are than the page holds."""


class Matches(Struct, frozen=True):
    """`select` gives the rows of `res` in order. `more` says, of a driver that may not be enough, that it was not: the next one is to be asked.

    It may read what `before` (common table expressions) defines, and `m`, the page.
    """

    select: str
    before: tuple[str, ...] = ()
    more: str | None = None


def matches(query: SearchQuery, plan: Plan, driver: Driver, composer: Composer, after: After | None, limit: str) -> Matches:
    """The matches that come after a place in the order; `limit` is how many of them will be taken."""
    match driver.drive:
        case Drive.HOT:
            found = hot(query, plan, driver, composer, after=after, limit=limit, whole=True)
            return Matches(f"select r.* from {found} order by {order_by(plan.order, 'h')}")
        case Drive.AMOUNT:
            return Matches(_amounts(query, plan, driver, composer, after, limit))
        case Drive.WALK:
            return _walk(query, plan, driver, composer, after, limit)
        case Drive.GIVEN:
            return _given(query, plan, driver, composer, after, limit)
        case Drive.CIRCLE:
            return _circle(query, plan, driver, composer, after)
        case Drive.FEW:
            return _few(query, plan, driver, composer, after)
        case Drive.WHOLE:
            return Matches(_rows(query, plan, driver, composer, after, whole(query, driver, composer)))
        case Drive.DATE:
            return Matches(_between(query, plan, driver, composer, after, limit))
    return Matches(_rows(query, plan, driver, composer, after, "res r"))


def whole(query: SearchQuery, driver: Driver, composer: Composer) -> str:
    """Every row that the driving references reach, as `r`."""
    return reached(f"({listed(driver.answers[0], Row(_R, query.kind), composer)})", query)


def reached(ids: str, query: SearchQuery) -> str:
    """The rows with these ids, as `r`."""
    return reached_by(f"{ids} s", "s", Row(_R, query.kind))


def reached_by(source: str, alias: str, row: Row) -> str:
    """The rows with the ids of a relation, as `row`."""
    return f"{source} cross join lateral (select * from res where rt = {row.rt} and id = {alias}.id limit 1) {row}"


def of_choice(query: SearchQuery, composer: Composer) -> tuple[str, tuple[Criterion, ...]]:
    """The rows `r` of which the planner chooses how to find them, and the criteria that these answer.

    Texts without a time or a code beside them are looked up alone: where many share them, the planner would meet them with all rows of the type.
    """
    if not query.texts or query.codes or any(isinstance(one, MainDate | UpdatedAt) for one in query.criteria):
        return "res r", ()
    return with_texts(query.texts, Row(_R, query.kind), composer), query.texts


def rest(query: SearchQuery, driver: Driver) -> list[Criterion]:
    """The criteria that the driving index does not answer."""
    return [criterion for criterion in query.criteria if not any(criterion is one for one in driver.answers)]


def _rows(
    query: SearchQuery, plan: Plan, driver: Driver, composer: Composer, after: After | None, source: str, bounds: str = ""
) -> str:
    row = Row(_R, query.kind)
    driving = f"r.rt = {row.rt}{bounds}"
    left = rest(query, driver)
    if driver.drive is Drive.FREE:
        source, answered = of_choice(query, composer)
        left = [criterion for criterion in left if criterion not in answered]
    match driver.answers if driver.drive in {Drive.ID, Drive.PATIENT, Drive.UNIQUE} else ():
        case [IdIs(keys)]:
            driving += f" and r.id = any({composer.bind(list(keys), 'uuid[]')})"
        case [RefersTo(patient=patient)] if patient:
            driving += f" and r.patient = {composer.bind(patient, 'uuid')}"
        case [TokenIs(values)]:
            source = f"(select * from res where tok && {composer.bind(list(values), 'int8[]')} offset 0) r"
    conditions = [driving, composer.seen(row), *(criterion.sql(row, composer) for criterion in left)]
    alias = _ID_FIRST if driver.drive in _LISTED and _by_id(plan) else _R
    if after:
        conditions.append(beyond(plan.order, alias, after, composer))
    return f"select r.* from {source} where {' and '.join(conditions)} order by {order_by(plan.order, alias)}"


def _by_id(plan: Plan) -> bool:
    """Whether the order is that of the ids, so that no more rows are fetched than the page holds."""
    return [key.column for key in plan.order] == ["id"]


def _few(query: SearchQuery, plan: Plan, driver: Driver, composer: Composer, after: After | None) -> Matches:
    """What few references reach. Where all of it is fetched to be put in order, what the caller may see is asked once for all that matches."""
    few, row, criterion = composer.bind(FEW, "int8"), Row(_R, query.kind), driver.answers[0]
    enough, whole_rows = f"(select count(*) from s) <= {few}", not _by_id(plan)
    if whole_rows and isinstance(criterion, RefersTo) and (rows := criterion.rows(row, composer)):
        before, source = f"s as materialized ({rows} limit {few} + 1)", f"(select * from s where {enough}) {row}"
    else:
        before = f"s as materialized (select id from ({listed(criterion, row, composer)}) s limit {few} + 1)"
        source = reached(f"(select distinct id from s where {enough})", query)
    if not (whole_rows and composer.scope.among):
        return Matches(_rows(query, plan, driver, composer, after, source), (before,), f"not {enough}")
    conditions = [f"{row}.rt = {row.rt}", *(one.sql(row, composer) for one in rest(query, driver))]
    if after:
        conditions.append(beyond(plan.order, _R, after, composer))
    matching = f"c as materialized (select {row}.* from {source} where {' and '.join(conditions)})"
    select = f"select {row}.* from c {row} where {composer.seen(row, 'c')} order by {order_by(plan.order, _R)}"
    return Matches(select, (before, matching), f"not {enough}")


def _between(query: SearchQuery, plan: Plan, driver: Driver, composer: Composer, after: After | None, limit: str) -> str:
    """The rows whose main date begins in the range; and of those longer than SHORT, which have an index of their own, what began before it."""
    order = order_by(plan.order, _R)
    arms = [_rows(query, plan, driver, composer, after, "res r", _bounded(_R, plan, composer))]
    if not plan.bounds.long:
        lower, upper = (composer.bind(bound, "timestamptz") for bound in (plan.bounds.lower, plan.bounds.upper))
        before = f" and r.d0 < least({lower}, {upper}) and r.d1 - r.d0 > {LONGER}"
        arms.append(_rows(query, plan, driver, composer, after, "res r", before))
    return f"select r.* from ({' union all '.join(f'({arm} limit {limit})' for arm in arms)}) r order by {order}"


def _circle(query: SearchQuery, plan: Plan, driver: Driver, composer: Composer, after: After | None) -> Matches:
    before, source, more = circle(query, plan, composer)
    return Matches(_rows(query, plan, driver, composer, after, source), before, more)


def circle(query: SearchQuery, plan: Plan, composer: Composer) -> tuple[tuple[str, ...], str, str]:
    """What defines the rows in the records given to the caller, these rows as `r`, and whether the records or the rows are too many."""
    grants, few, rt = composer.bind(GRANTS, "int8"), composer.bind(FEW, "int8"), Row(_R, query.kind).rt
    given = f"g as materialized ({composer.scope.given(composer.bind(_FIRST, 'uuid'), f'{grants} + 1')} limit {grants} + 1)"
    bounded = _bounded("h", plan, composer, beyond_short=True)
    near = f"(select h.id from res h where h.patient = g.patient and h.rt = {rt}{bounded} offset 0) h"
    found = f"s as materialized (select h.id from g cross join lateral {near} where (select count(*) from g) <= {grants} limit {few} + 1)"
    more = f"((select count(*) from g) > {grants} or (select count(*) from s) > {few})"
    return (given, found), reached(f"(select distinct id from s where not {more})", query), more


def _given(query: SearchQuery, plan: Plan, driver: Driver, composer: Composer, after: After | None, limit: str) -> Matches:
    """Rows in the records given to the caller, patient after patient. Their order is that in which they are read: nothing is sorted."""
    row, rows, records = Row(_R, query.kind), composer.bind(driver.rows, "int8"), composer.bind(driver.records, "int8")
    begin, endless = composer.bind(after.keys[0] if after else _FIRST, "uuid"), composer.bind(_NO_END, "int8")
    circle = f"select distinct patient from ({composer.scope.given(begin, f'{records} + 1')}) c where patient >= {begin}"
    given = f"g as materialized ({circle} order by patient limit {records} + 1)"
    following = f" and {beyond(plan.order, 'x', after, composer)}" if after else ""
    near = f"res x where x.patient = g.patient and x.rt = {row.rt}{following} order by x.d0, x.id limit {endless}"
    source = f"from (select patient from g limit {records}) g cross join lateral (select {{}} from {near}) x limit {rows}"
    conditions = [composer.seen(row), *(criterion.sql(row, composer) for criterion in query.criteria)]
    select = f"select r.* from (select x.* {source.format('*')}) r where {' and '.join(conditions)}"
    ended = f"(select count(*) from g) <= {records} and (select count(*) from (select x.id {source.format('x.id')}) x) < {rows}"
    return Matches(select, (given,), f"(case when (select count(*) from m) < {limit} then not ({ended}) else false end)")


def _walk(query: SearchQuery, plan: Plan, driver: Driver, composer: Composer, after: After | None, limit: str) -> Matches:
    row, window = Row(_R, query.kind), composer.bind(driver.rows, "int8")
    driving = f"x.rt = {row.rt}"
    if plan.order[0].column == "date":
        driving += _bounded("x", plan, composer, beyond_short=True)
    if plan.order[0].column == "updated":
        written = (criterion for criterion in query.criteria if isinstance(criterion, UpdatedAt))
        driving += "".join(f" and {criterion.sql(Row('x', query.kind), composer)}" for criterion in written)
    if after:
        driving += f" and {beyond(plan.order, 'x', after, composer)}"
    near = f"from res x where {driving} order by {order_by(plan.order, 'x')} limit {window}"
    conditions = " and ".join([composer.seen(row), *(criterion.sql(row, composer) for criterion in query.criteria)])
    select = f"select r.* from (select x.* {near}) r where {conditions} order by {order_by(plan.order, 'r')}"
    ended = f"(select count(*) from (select x.id {near}) x) < {window}"
    return Matches(select, (), f"(case when (select count(*) from m) < {limit} then not {ended} else false end)")


def _amounts(query: SearchQuery, plan: Plan, driver: Driver, composer: Composer, after: After | None, limit: str) -> str:
    """Amounts `h` in the order of their number, then their rows `r` one by one until the page is full; a row with several stands at its first."""
    row, [criterion] = Row(_R, query.kind), driver.answers
    assert isinstance(criterion, AmountIs)
    [wanted] = criterion.wanted
    ways, order = wanted.conditions(composer), order_by(plan.order, "h")
    following = f" where {beyond(plan.order, 'h', after, composer)}" if after else ""
    begun = f"order by {order} limit {composer.bind(_NO_END, 'int8')}"
    arms = (
        f"(select * from (select a.{wanted.number} as amount, a.id from amount a where {way}) h{following} {begun})"
        for way in ways
    )
    several = " or ".join(f"({way})" for way in ways)
    first = f"(select true from amount a where a.id = h.id and ({several}) and a.{wanted.number} < h.amount limit 1) is null"
    enough = f" limit {limit}" if composer.scope.unlimited else ""
    keys = f"(select distinct h.amount, h.id from ({' union all '.join(arms)}) h where {first} order by {order}{enough}) h"
    seen = f" where {composer.seen(row)}"
    return f"select r.*, h.amount from {reached_by(keys, 'h', row)}{seen} order by {order}"


def hot(
    query: SearchQuery,
    plan: Plan,
    driver: Driver,
    composer: Composer,
    *,
    after: After | None = None,
    limit: str = "",
    whole: bool = False,
) -> str:
    """Keys `h` in the order of the date, seen by the caller, then (`whole`, or where the keys do not answer everything) their rows `r`
    one by one until the page is full. Where the keys answer everything, no more of them are taken than the page holds.

    Each arm is ordered by itself, and has a limit: PostgreSQL then merges them as they come, where it would read both to the end and sort.
    """
    row, h, key = Row(_R, query.kind), Row("h", query.kind), driver.key
    left = rest(query, driver)
    dates = [criterion.sql(h, composer) for criterion in left if isinstance(criterion, MainDate)]
    others = [criterion.sql(row, composer) for criterion in left if not isinstance(criterion, MainDate)]
    conditions = [f"({composer.scope.sql('h', rt=str(row.rt))})", *dates]
    if after:
        conditions.append(beyond(plan.order, "h", after, composer))
    in_order = f" order by {order_by(plan.order, 'h')}" if limit else ""
    enough = f"{in_order} limit {limit}" if limit and not others else ""
    begun = f"{in_order} limit {composer.bind(_NO_END, 'int8')}" if in_order else ""
    arms = (
        f"(select h.d0, h.id from hot h where h.k = {composer.bind(k, 'int8')}"
        f"{_bounded('h', plan, composer, beyond_short=k != key)} and {' and '.join(conditions)}{enough or begun})"
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
