"""The page of indicators and its numbers as a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, page
from maillage.services.steering import rules, service
from maillage.services.steering.rules import Count, Grain
from maillage.services.steering.service import Indicators
from maillage.ui import render
from maillage.ui.sheets import download
from maillage.ui.words import MONTHS

STEP_WORDS = {Grain.DAY: "jour", Grain.WEEK: "semaine", Grain.MONTH: "mois", Grain.QUARTER: "trimestre", Grain.WHOLE: "période"}
NO_NAME = "Établissement hors annuaire"


@dataclass(frozen=True, slots=True)
class Row:
    """A group of documents as the page names it. `missing` is the points to the target, `address` the page of that group alone."""

    words: str
    documents: int
    qualified: int
    missing: int
    address: str = ""


async def indicators(request: Request, ctx: Context) -> Response:
    """GET /indicateurs: documents received, over time, by type, by establishment, with an INS or not."""
    period, organization = _asked(request)
    shown = await service.indicators(ctx, period=period, organization=organization)
    values = _numbers(shown) | _findings(shown) | _groups(shown, period) | _filters(shown, period, organization)
    return render(request, ctx, "steering/indicators.html", **values)


async def numbers(request: Request, ctx: Context) -> Response:
    """GET /indicateurs.csv: the same numbers, with the same small groups withheld."""
    period, organization = _asked(request)
    shown = await service.indicators(ctx, period=period, organization=organization)
    return download(f"indicateurs-{shown.period.first}-{shown.period.last}.csv", _rows_of(shown))


def _asked(request: Request) -> tuple[str, str]:
    query = request.query_params
    return query.get("periode", ""), query.get("etablissement", "")


def _numbers(shown: Indicators) -> dict[str, Any]:
    return {
        "period": shown.period,
        "total": shown.total,
        "qualified": shown.qualified,
        "before": shown.before,
        "replacements": shown.replacements,
        "senders": sum(row.key != rules.POOLED for row in shown.organizations),
        "target": rules.INS_TARGET,
        "smallest": rules.SMALLEST_SHOWN,
    }


def _findings(shown: Indicators) -> dict[str, Any]:
    steps = shown.series.steps
    return {
        "steps": steps,
        "step": STEP_WORDS[shown.series.grain],
        "drawn": shown.series.grain is not Grain.WHOLE and len(steps) > 1,
        "volume_finding": rules.volume_finding(shown.total or 0, shown.before or 0),
        "ins_finding": rules.ins_finding(shown.qualified, shown.total or 0),
    }


def _groups(shown: Indicators, period: str) -> dict[str, Any]:
    types = _types(shown)
    return {
        "types": types,
        "type_bars": [(row.words, row.documents, row.qualified) for row in types],
        "organizations": _senders(shown, period),
    }


def _filters(shown: Indicators, period: str, organization: str) -> dict[str, Any]:
    months = [(f"{day:%Y-%m}", f"{MONTHS[day.month - 1].capitalize()} {day.year}") for day in shown.months]
    senders = [(row.key, shown.names.get(row.key) or NO_NAME) for row in shown.organizations if row.key not in ("", rules.POOLED)]
    return {
        "asked": period,
        "organization": organization,
        "periods": [("", "12 derniers mois"), (rules.RECENT, "30 derniers jours"), *months],
        "choices": [("", "Tous"), *senders],
    }


def _types(shown: Indicators) -> list[Row]:
    return [_row(_pool(row, "type") if row.key == rules.POOLED else rules.type_words(row.key), row) for row in shown.types]


def _senders(shown: Indicators, period: str = "") -> list[Row]:
    rows = []
    for row in shown.organizations:
        if row.key == rules.POOLED:
            rows.append(_row(_pool(row, "établissement"), row))
        else:
            query = urlencode({"periode": period, "etablissement": row.key})
            rows.append(_row(shown.names.get(row.key) or NO_NAME, row, f"/indicateurs?{query}" if row.key else ""))
    return rows


def _row(words: str, count: Count, address: str = "") -> Row:
    share = rules.share(count.qualified, count.documents) or 0
    return Row(words, count.documents, count.qualified, max(0, rules.INS_TARGET - share), address)


def _pool(row: Count, what: str) -> str:
    return f"Autres ({row.groups} {what}{'s' if row.groups > 1 else ''})"


def _rows_of(shown: Indicators) -> Iterator[tuple[object, ...]]:
    yield ("regroupement", "valeur", "documents", "avec INS qualifiée")
    yield ("période", f"{shown.period.first} à {shown.period.last}", shown.total, shown.qualified)
    if shown.series.grain is not Grain.WHOLE:
        step = STEP_WORDS[shown.series.grain]
        yield from ((step, start.isoformat(), documents, "") for start, documents in shown.series.steps)
    yield from (("type", row.words, row.documents, row.qualified) for row in _types(shown))
    yield from (("établissement", row.words, row.documents, row.qualified) for row in _senders(shown))


routes = [
    page("/indicateurs", indicators, permission=Permission.INDICATORS_READ),
    page("/indicateurs.csv", numbers, permission=Permission.INDICATORS_READ),
]
