"""What is sent to a page of ours never becomes part of every object of its script (prototype pollution)."""

from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Role
from tests.support.attacked import actor_of
from tests.support.browser import HERE, screen

HOSTILE = """{"challenge": "AAAA", "__proto__": {"polluted": 1, "challenge": "AAAA"}, "constructor": {"prototype": {"polluted": 1}},
 "user": {"id": "AAAA", "__proto__": {"polluted": 1}}, "allowCredentials": [{"id": "AAAA", "type": "public-key", "__proto__": {"polluted": 1}}],
 "excludeCredentials": [{"id": "AAAA", "constructor": {"prototype": {"polluted": 1}}}]}"""
QUERY = "?__proto__[polluted]=1&constructor[prototype][polluted]=1&__proto__.polluted=1#__proto__[polluted]=1"

# A form of ours that asks what to sign, and a notice whose topic is a hostile name.
PLANTED = """() => {
  const form = document.createElement("form");
  Object.assign(form.dataset, { passkey: "get", ask: "/defi-hostile", failed: "said", late: "late" });
  form.innerHTML = '<p data-said hidden></p><input type="hidden" name="reponse"><button>x</button>';
  document.body.append(form);
  form.requestSubmit();
}"""
CARELESS = """text => { const merge = (into, from) => { for (const name in from) {
  if (from[name] && typeof from[name] === "object") { into[name] = into[name] || {}; merge(into[name], from[name]); } else into[name] = from[name]; } };
  merge({}, JSON.parse(text)); }"""


async def polluted(page: Page) -> bool:
    return bool(
        await page.evaluate(
            "() => [{}, [], '', 0, () => 0].some(one => one.polluted !== undefined || one.challenge !== undefined)"
        )
    )


@pytest.mark.browser
async def test_no_object_of_ours_learns_from_what_is_sent(
    attacked: Starlette, access: Access, browser: Browser, signed_in: Any
) -> None:
    asked: list[str] = []

    async def hostile(route: Route) -> None:
        asked.append(route.request.url)
        await route.fulfill(status=200, headers={"content-type": "application/json"}, body=HOSTILE)

    window = await screen(browser, attacked, headers=await signed_in(actor_of(Role.GP)))
    await window.context.route(f"{HERE}/defi-hostile", hostile)
    for path in ("/nouveautes", "/patients", "/mes-appareils"):
        page = await window.open(path + QUERY)
        await page.evaluate(PLANTED)
        await page.wait_for_function("() => document.querySelector('form[data-passkey] [data-said]').textContent === 'said'")
        assert not await polluted(page), path
    assert len(asked) == 3, "our script read what was sent"
    await page.evaluate(CARELESS, HOSTILE)
    assert await polluted(page), "a script that copies without care would be seen"
    await window.context.close()
