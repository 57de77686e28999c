"""Writes the SQL of a planned search: the page of matches with what it includes, and the count."""

from maillage.fhir.scope import Scope
from maillage.fhir.search.compose import Composer, Row, Statement
from maillage.fhir.search.drivers import Drive, Driver
from maillage.fhir.search.includes import FIELDS, SHOWN, first_round
from maillage.fhir.search.matches import circle, hot, matches, of_choice, rest, whole
from maillage.fhir.search.orders import as_text, nothing
from maillage.fhir.search.plan import Plan
from maillage.fhir.search.query import After, SearchQuery


def page(query: SearchQuery, plan: Plan, driver: Driver, scope: Scope, after: After | None) -> Statement:
    """The statement of one page: matches in order (one more than asked for tells that there is a next page), then what they include.

    Rows: `mode` match, include, or more (this driver was not enough: ask the next one of the plan), the fields of a stored version, and
    for matches `k0`, `k1`… = the keys of the order as text.
    """
    composer = Composer(scope, by_index=driver.drive is Drive.FREE, whole=driver.drive is Drive.WHOLE)
    limit = composer.bind(query.count + 1, "int8")
    found = matches(query, plan, driver, composer, after, limit)
    keys, none = as_text(plan.order, "m"), nothing(plan.order)
    including = bool(query.includes or query.revincludes)
    if not (including or found.more):
        text = f"select 'match' as mode, {SHOWN}, {keys} from ({found.select} limit {limit}) m"
        return Statement(text, composer.params, driver.stable)
    before = [*found.before, f"m as materialized ({found.select} limit {limit})"]
    parts = [f"select 'match' as mode, {SHOWN}, {keys} from m"]
    if including:
        before.append(f"page as materialized (select * from m limit {composer.bind(query.count, 'int8')})")
        parts.append(f"select 'include', {SHOWN}, {none} from ({first_round(query, composer)}) x")
    if found.more:
        parts.append(f"select 'more', {', '.join(['null'] * len(FIELDS.split(', ')))}, {none} where {found.more}")
    return Statement(f"with {', '.join(before)} {' union all '.join(parts)}", composer.params, driver.stable)


def count(query: SearchQuery, plan: Plan, driver: Driver, scope: Scope) -> Statement:
    """The statement that counts the matches the caller may see; `total` is null where this driver is not enough."""
    composer = Composer(scope, by_index=driver.drive is Drive.FREE, whole=True)
    row = Row("r", query.kind)
    if driver.drive is Drive.HOT:
        return Statement(f"select count(*) as total from {hot(query, plan, driver, composer)}", composer.params, driver.stable)
    before: tuple[str, ...] = ()
    source, more, left = "res r", "", rest(query, driver)
    if driver.drive is Drive.CIRCLE:
        before, source, more = circle(query, plan, composer)
    elif driver.drive is Drive.WHOLE:
        source = whole(query, driver, composer)
    elif driver.drive is Drive.FREE:
        source, answered = of_choice(query, composer)
        left = [one for one in left if one not in answered]
    conditions = [f"r.rt = {row.rt}", composer.seen(row), *(one.sql(row, composer) for one in left)]
    counted = f"select count(*) as total from {source} where {' and '.join(conditions)}"
    if more:
        counted = f"with {', '.join(before)} select case when {more} then null else ({counted}) end as total"
    return Statement(counted, composer.params, driver.stable)
