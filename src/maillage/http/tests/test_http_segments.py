"""Routes by the first segment of their path: the same answers as one after the other."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from maillage.http.segments import RoutesBySegment

PATHS = [
    "/",
    "/files/{path:path}",
    "/fhir/{kind}",
    "/fhir/{kind}/{id}",
    "/fhir/{kind}/_search",
    "/fhir",
    "/patients/{id}",
    "/patients",
]


async def answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{request.scope['route'].path} {dict(request.path_params)}")


def unrouted(_: Scope, error: HTTPException) -> Response:
    return PlainTextResponse(error.detail, status_code=error.status_code)


class Alone(Starlette):
    """An application that has nothing around its routes."""

    def __init__(self, by_segment: RoutesBySegment) -> None:
        super().__init__()
        self._by_segment = by_segment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self._by_segment(scope, receive, send)


def routes() -> list[Route]:
    return [Route(path, answer, methods=["POST"] if path.endswith("_search") else ["GET"]) for path in PATHS]


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/fhir",
        "/fhir/Patient",
        "/fhir/Patient/1",
        "/fhir/Patient/_search",
        "/patients/1",
        "/x",
        "/fhirs",
        "//fhir",
        "/files/a",
        "/files/" + "a/" * 20,
        "/fhir/" + "a/" * 20,
    ],
)
async def test_routes_by_segment_answer_as_a_list_of_routes_does(method: str, path: str) -> None:
    by_segment = RoutesBySegment(routes(), unrouted=unrouted)
    answers = []
    for app in (Starlette(routes=routes()), Starlette(routes=[by_segment]), Alone(by_segment)):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            got = await client.request(method, f"http://here{path}")
        answers.append((got.status_code, got.text))
    assert answers[0] == answers[1] == answers[2]


def test_a_path_that_belongs_to_every_segment_is_refused() -> None:
    with pytest.raises(TypeError, match="begins with a parameter"):
        RoutesBySegment([Route("/{anything}", answer)], unrouted=unrouted)
    with pytest.raises(TypeError, match="segments"):
        RoutesBySegment([Route("/a" * 9, answer)], unrouted=unrouted)
