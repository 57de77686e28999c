"""What a page includes: what it refers to and what refers to it, within the caller's scope, round after round for `:iterate`."""

from collections.abc import Sequence

from maillage.fhir import ids
from maillage.fhir.compartment import home
from maillage.fhir.definitions import search_parameters
from maillage.fhir.scope import Scope
from maillage.fhir.search.chains import Walk, walks
from maillage.fhir.search.compose import Composer, Statement
from maillage.fhir.search.criteria import PATIENT
from maillage.fhir.search.query import Include, SearchQuery

MAX_INCLUDED = 1_000
FIELDS = "rt, id, version, updated, patient, body"
SHOWN = "rt, id, version, updated, patient, convert_to(body, 'UTF8') as body"
"""FIELDS as an answer needs them: the text as bytes, which are handed on as they are."""
Place = tuple[int, object, object]
"""Type number, stored key and compartment of a row."""


def first_round(query: SearchQuery, composer: Composer) -> str:
    """What the relation `page` (rows of the searched type) includes, one more than allowed to tell that there is more."""
    includes = [one for one in query.includes if one.kind in {None, query.kind}]
    revincludes = [one for one in query.revincludes if one.target in {None, query.kind}]
    return _round(includes, revincludes, composer)


def round_of(includes: Sequence[Include], revincludes: Sequence[Include], places: Sequence[Place], scope: Scope) -> Statement:
    """What these rows include; answers rows as the page does, without keys."""
    composer = Composer(scope)
    numbers, keys, patients = ([place[i] for place in places] for i in range(3))
    arrays = ", ".join(
        [composer.bind(numbers, "int2[]"), composer.bind(keys, "uuid[]"), composer.bind(patients, "uuid[]")],
    )
    page = f"with page as materialized (select * from unnest({arrays}) as u(rt, id, patient))"
    return Statement(f"{page} select {SHOWN} from ({_round(includes, revincludes, composer)}) x", composer.params, stable=True)


def _round(includes: Sequence[Include], revincludes: Sequence[Include], composer: Composer) -> str:
    parts = [part for include in includes for part in _includes(include, composer)]
    parts += [part for include in revincludes for part in _revincludes(include, composer)]
    if not parts:
        return f"select {_fields('x')} from res x where false"
    limit = composer.bind(MAX_INCLUDED + 1, "int8")
    return f"select distinct on (rt, id) * from ({' union all '.join(parts)}) y limit {limit}"


def _includes(include: Include, composer: Composer) -> list[str]:
    narrowed = f" and f.dt = {ids.number(include.target)}" if include.target else ""
    begin = f" and page.rt = {ids.number(include.kind)}" if include.kind else ""
    edged = f"{begin} and page.patient is null" if _only_by_home(include) else begin
    seen = composer.scope.sql("x")
    parts = [
        f"select {_fields('x')} from (select distinct f.dt, f.dst from page join refs f on f.src = page.id and f.st = page.rt"
        f" where true{edged}{_edges(include, composer)}{narrowed}) f"
        f" cross join lateral (select * from res where rt = f.dt and id = f.dst limit 1) x where ({seen})"
    ]
    if _by_url(include):
        narrowed = f" and g.st = {ids.number(include.target)}" if include.target else ""
        parts.append(
            f"select {_fields('x')} from (select distinct g.st, g.src from page join refs f on f.src = page.id and f.st = page.rt and f.dt = {ids.CITES}"
            f" join refs g on g.dst = f.dst and g.dt = {ids.IS} where true{begin}{_edges(include, composer)}{narrowed}) f"
            f" cross join lateral (select * from res where rt = f.st and id = f.src limit 1) x where ({seen})"
        )
    if _by_home(include) and include.target in {None, PATIENT}:
        number = ids.number(PATIENT)
        given = composer.scope.sql("x", rt=str(number), among="(select patient as id, patient from page) p")
        patients = f"select distinct patient from page where patient is not null and page.rt <> {number}{begin}"
        parts.append(
            f"select {_fields('x')} from ({patients}) p cross join lateral"
            f" (select * from res where rt = {number} and patient = p.patient offset 0) x where x.id = p.patient and ({given})"
        )
    return parts


def _revincludes(include: Include, composer: Composer) -> list[str]:
    source = f" and f.st = {ids.number(include.kind)}" if include.kind else ""
    to = f" and page.rt = {ids.number(include.target)}" if include.target else ""
    seen, patient = composer.scope.sql("x"), ids.number(PATIENT)
    parts = [
        f"select {_fields('x')} from (select distinct f.st, f.src from page join refs f on f.dst = page.id and f.dt = page.rt"
        f" where true{to}{_edges(include, composer)}{source}) f"
        f" cross join lateral (select * from res where rt = f.st and id = f.src limit 1) x where ({seen})"
    ]
    if _by_url(include):
        parts.append(
            f"select {_fields('x')} from (select distinct f.st, f.src from page join refs g on g.src = page.id and g.st = page.rt and g.dt = {ids.IS}"
            f" join refs f on f.dst = g.dst and f.dt = {ids.CITES} where true{to}{_edges(include, composer)}{source}) f"
            f" cross join lateral (select * from res where rt = f.st and id = f.src limit 1) x where ({seen})"
        )
    if _by_home(include) and include.target in {None, PATIENT}:
        which = f"rt = {ids.number(include.kind)}" if include.kind else f"rt <> {patient}"
        parts.append(
            f"select {_fields('x')} from page cross join lateral (select * from res where {which} and patient = page.id and page.rt = {patient}"
            f" order by rt, d0 desc limit {MAX_INCLUDED + 1}) x where ({seen})"
        )
    return parts


def _edges(include: Include, composer: Composer) -> str:
    """The edges of the named parameters, of all where none is named."""
    if include.kind is None or not include.parameters:
        return ""
    return f" and f.p = any({composer.bind([ids.edge(include.kind, code) for code in include.parameters], 'int4[]')})"


def _by_home(include: Include) -> bool:
    """Whether one of the parameters is the reference that makes the compartment (the column `patient`)."""
    if include.kind is None:
        return True
    codes = home(include.kind)
    return bool(set(include.parameters) & set(codes)) if include.parameters else bool(codes)


def _only_by_home(include: Include) -> bool:
    """Whether a row with a patient has no edge that is followed: each of the parameters makes the compartment, and only patients are wanted."""
    if include.kind is None or not include.parameters or not set(include.parameters) <= set(home(include.kind)):
        return False
    known = search_parameters(include.kind)
    return include.target == PATIENT or all(set(known[code].targets) == {PATIENT} for code in include.parameters)


def _by_url(include: Include) -> bool:
    """Whether one of the parameters may name a resource by a canonical."""
    if include.kind is None:
        return True
    known = search_parameters(include.kind)
    named = [known[code] for code in include.parameters] or [one for one in known.values() if one.type == "reference"]
    return any(Walk.URL in walks(one) for one in named)


def _fields(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in FIELDS.split(", "))
