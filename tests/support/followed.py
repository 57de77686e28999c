"""A person whom a doctor, a nurse, a coordinator and a social worker follow, and windows for each of them."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.services.coordination import pages
from tests.support.browser import HERE
from tests.support.pages import Visit
from tests.support.people import SEED, care_team, professional

Resource = dict[str, Any]
Enter = Callable[[Actor], Awaitable[AsyncClient]]

GP = professional("gp", Role.GP, name="Dr Camille EXEMPLE")
NURSE = professional("nora", Role.NURSE, name="Nora FICTIVE")
LISE = Actor(
    id="psc:lise", kind=ActorKind.PROFESSIONAL, name="Lise MAQUETTE", roles=frozenset({Role.COORDINATOR}), reference="Practitioner/lise",
)  # fmt: skip
THEO = Actor(
    id="psc:theo", kind=ActorKind.PROFESSIONAL, name="Théo GABARIT", roles=frozenset({Role.SOCIAL_WORKER}), reference="Practitioner/theo",
)  # fmt: skip
ABOUT = {"subject": {"reference": "Patient/p"}}


@pytest.fixture
async def followed(access: Access) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            *({"resourceType": "Practitioner", "id": id, "name": [{"text": name}]} for id, name in
              (("gp", "Dr Camille EXEMPLE"), ("nora", "Nora FICTIVE"), ("lise", "Lise MAQUETTE"), ("theo", "Théo GABARIT"), ("out", "Autre"))),
            *({"resourceType": "Patient", "id": id, "name": [{"family": "PAT-TROIS", "given": ["DOMINIQUE"]}], "birthDate": "1979-03-28"}
              for id in ("p", "q")),
        )  # fmt: skip
        await ctx.records.write(care_team("p", "Practitioner/gp", "Practitioner/nora", "Practitioner/lise", "Practitioner/theo"))


@pytest.fixture
def enter(application: Any, signed_in: Visit) -> Enter:
    async def client(actor: Actor) -> AsyncClient:
        cookies = dict([dict(await signed_in(actor))["cookie"].split("=", 1)])
        return AsyncClient(
            transport=ASGITransport(app=application(pages)), base_url=HERE, headers={"accept": "text/html"}, cookies=cookies
        )

    return client


async def write(access: Access, actor: Actor, *resources: Resource) -> None:
    async with access.act(actor, door="fhir") as ctx:
        await ctx.records.write_all(resources)


def form_of(page: str, action: str) -> dict[str, str]:
    """The hidden values of a form of a page."""
    form = page.split(f'action="{action}"')[1].split("</form>")[0]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
