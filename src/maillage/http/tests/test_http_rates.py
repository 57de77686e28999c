"""Who asks too often is told to wait, and nobody else is."""

from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.errors import TooMany
from maillage.http.fhir import fhir_routes
from maillage.http.rates import KEPT, Limits, Rates
from tests.support.browser import HERE
from tests.support.pages import client_of
from tests.support.people import MACHINE, patient, professional

ONE, OTHER = professional("one", Role.GP), patient("other")


class Clock:
    at = 0.0

    def __call__(self) -> float:
        return self.at


def counted(rates: Rates, times: int) -> int:
    """How many of so many requests of one person are let through."""
    through = 0
    for _ in range(times):
        try:
            rates.count_actor(ONE)
        except TooMany:
            continue
        through += 1
    return through


def test_a_minutes_worth_passes_at_once_and_then_it_fills_steadily() -> None:
    clock = Clock()
    rates = Rates(Limits(people=60, machines=0, strangers=10), now=clock)
    assert counted(rates, 100) == 60
    with pytest.raises(TooMany) as fault:
        rates.count_actor(ONE)
    assert fault.value.wait == 1
    clock.at += 5
    assert counted(rates, 100) == 5
    clock.at += 600
    assert counted(rates, 100) == 60


def test_each_has_their_own_and_machines_what_the_operator_says() -> None:
    rates = Rates(Limits(people=2, machines=0, strangers=1), now=Clock())
    assert counted(rates, 3) == 2
    rates.count_actor(OTHER)
    for _ in range(1000):
        rates.count_actor(MACHINE)
    rates.count_stranger("192.0.2.1")
    rates.count_stranger("192.0.2.2")
    rates.count_stranger(None)
    with pytest.raises(TooMany):
        rates.count_stranger("192.0.2.1")


def test_what_is_remembered_is_bounded() -> None:
    rates = Rates(Limits(people=0, machines=0, strangers=1), now=Clock())
    for n in range(KEPT + 10):
        rates.count_stranger(str(n))
    assert len(rates._buckets) == KEPT


async def test_the_door_says_when_to_come_back(application: Any, access: Access) -> None:
    class Door:
        routes = fhir_routes()

    app = application(Door, settings={"rate_people": 3, "rate_strangers": 2})
    async with await client_of(app, access, ONE, accept="application/fhir+json") as client:
        answers = [await client.get("/fhir/Organization") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert answers[-1].json()["issue"][0]["code"] == "throttled"
        page = await client.get("/flux", headers={"accept": "text/html"})
        assert (page.status_code, "Trop de demandes" in page.text) == (429, True)
    async with AsyncClient(transport=ASGITransport(app), base_url=HERE) as stranger:
        statuses = [(await stranger.get("/fhir/metadata")).status_code for _ in range(4)]
        assert statuses == [200, 200, 429, 429]
        assert (await stranger.get("/health")).status_code == 200
