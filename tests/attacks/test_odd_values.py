"""Numbers that are none, digits of other alphabets, bytes that are no text: refused or not found at every page and address, never an error of ours."""

import re
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.http.routes import Kind
from tests.attacks.test_forced_browsing import OPEN, who_may
from tests.attacks.test_scripts import IDS, parameters
from tests.support.attacked import actor_of
from tests.support.pages import client_of

ODD = (
    "%C2%B2", "%EF%BC%91", "%D9%A1", "%00", "%ED%A0%80", "%FF%FE", "-1", "1e400", "9" * 30, "0x10", "NaN", "%0d%0aSet-Cookie:a=b", "%2e%2e%2f", "%e2%80%ae", "%F0%9F%A7%AC" * 50,
)  # fmt: skip
"""As they stand in an address: ², a full-width and an Arabic digit, NUL, half a surrogate, no UTF-8, numbers beyond any column."""


def addresses(app: Starlette, role: Role) -> Iterator[str]:
    """Each page and each FHIR read that this role opens: odd in its path, then in each of its parameters."""
    for route in app.state.declared:
        may = who_may(route.path, "GET")
        if "GET" not in route.methods or route.kind not in (Kind.PAGE, Kind.API) or not (may is OPEN or role in may):
            continue
        for odd in ODD:
            if "{" in route.path:
                yield re.sub(r"\{\w+(:int)?\}", odd, route.path)
        id = next((id for prefix, id in IDS.items() if route.path.startswith(f"{prefix}/")), "nobody")
        path = re.sub(r"\{\w+(:int)?\}", lambda found, id=id: "1" if found[1] else id, route.path)
        if route.kind is Kind.PAGE:
            yield from (f"{path}?" + "&".join(f"{name}={odd}" for name in parameters()) for odd in ODD)


@pytest.mark.parametrize(
    "role", [Role.GP, Role.PATIENT, Role.STEWARD, Role.OFFICER, Role.OPERATOR, Role.ADMINISTRATOR, Role.EDITOR, Role.ARS]
)
async def test_an_odd_value_is_never_an_error_of_ours(attacked: Starlette, access: Access, role: Role) -> None:
    async with await client_of(attacked, access, actor_of(role)) as client:
        tried = list(addresses(attacked, role))
        assert len(tried) > len(ODD)
        for address in tried:
            answer = await client.get(address)
            assert answer.status_code < 500, (role, address, answer.text[:200])
            assert "set-cookie" not in answer.headers or "a=b" not in answer.headers["set-cookie"], address
