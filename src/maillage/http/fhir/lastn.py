"""Observation/$lastn (R4 observation-operation-lastn)."""

import re

from starlette.responses import Response

from maillage.access.context import Context
from maillage.fhir.search import StoredPage, parse
from maillage.http import formats
from maillage.http.fhir import answers, negotiation, operation
from maillage.http.fhir.operation import Level, Operation, Parameter, refused
from maillage.http.formats import Pairs
from maillage.http.request import Request

PARAMETERS = (
    Parameter(
        "max", "positiveInt", "How many observations of each code; 1 unless said. More come where the last are of the same time."
    ),
    Parameter(
        "patient",
        "string",
        "Whose observations (or `subject`): one reference. A search parameter, as all others of Observation.",
        search="reference",
    ),
    Parameter("category", "string", "Which observations (or `code`, or another parameter of a code).", many=True, search="token"),
)
_RESULTS = {"_sort", "_count", "_cursor", "_total", "_summary", "_elements", "_contained", "_containedType"}
_INCLUDES = ("_include", "_revinclude")
_CODED = ("category", "code", "combo-code", "component-code")
_SUBJECT = re.compile("(?:patient|subject)(?::(?!missing)[A-Za-z]+)?")
"""A chain is none: it may find many."""
_MOST = 1_000


async def last(request: Request, ctx: Context) -> Response:
    """A searchset: the last of each code, newest first."""
    sent = await operation.sent_freely(request)
    most, search = _most(sent), [pair for pair in sent if pair[0] != "max"]
    base = negotiation.base_of(request)
    _refuse(search)
    query = parse("Observation", [*search, ("_sort", "-date")], base=base)
    found = await ctx.records.operations.lastn(query, most)
    return answers.pages(StoredPage(found), f"{base}/Observation/$lastn", [*sent, *formats.view_of(request).said], base=base)


def _most(pairs: Pairs) -> int:
    given = [value for name, value in pairs if name == "max"]
    if not given:
        return 1
    if len(given) > 1 or not re.fullmatch(r"0*[1-9][0-9]{0,3}", given[0]) or int(given[0]) > _MOST:
        raise refused("max", f"one whole number from 1 to {_MOST} is expected")
    return int(given[0])


def _refuse(search: Pairs) -> None:
    """R4: the request names one subject and which codes; the order and the number are those of the operation."""
    for name, _ in search:
        if name in _RESULTS or name.startswith(_INCLUDES):
            raise refused(name, "is not taken by $lastn")
    subjects = [value for name, value in search if _SUBJECT.fullmatch(name)]
    if len(subjects) != 1 or "," in subjects[0]:
        raise refused("patient", "one patient (or subject) is needed")
    if not any(re.split("[:.]", name)[0].startswith(_CODED) for name, _ in search):
        raise refused("category", "a category, a code or another parameter of a code is needed", code="required")


LASTN = Operation(
    "lastn", "Last N Observations Query", "The last observations of each code of one subject, newest first.", "Observation",
    (Level.TYPE,), last, PARAMETERS, "Bundle",
)  # fmt: skip
