"""What Prometheus reads at `/metrics`: counts and durations by route and part, never anything about a person."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

from maillage.http.health import Health
from maillage.http.request import Request

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.08, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


class Metrics:
    """The measures of one web process (each process has its own; a scrape reads the one that answers it)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "maillage_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "maillage_http_request_seconds", "Time to answer.", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self._kept: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._up = Gauge("maillage_part_up", "1 when this part of the platform works.", ["part"], registry=self.registry)
        self._measures = Gauge(
            "maillage_part", "A figure of a part of the platform.", ["part", "measure"], registry=self.registry
        )

    def answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. `route` is the declared path with its parameters unfilled."""
        answers, took = self._series(method if method in _METHODS else "other", route, status)
        answers.inc()
        took.observe(seconds)

    def _series(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        """The two series of such answers. Kept: finding them costs more than counting."""
        found = self._kept.get((method, route, status))
        if found is None:
            found = self._requests.labels(method, route, str(status)), self._seconds.labels(route)
            self._kept[method, route, status] = found
        return found

    def exposition(self, health: Health) -> bytes:
        """The text of `/metrics`, with what the probes just found."""
        for name, part in health.parts.items():
            self._up.labels(name).set(1 if part.ok else 0)
            for measure, value in part.measures.items():
                self._measures.labels(name, measure).set(value)
        return generate_latest(self.registry)


async def answer_metrics(request: Request, ctx: None) -> Response:
    """GET /metrics. Public: an operator who does not want it read from outside closes it at the proxy."""
    state = request.app.state
    return Response(state.metrics.exposition(await state.probes.look()), media_type=CONTENT_TYPE_LATEST)
