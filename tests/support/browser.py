"""A real browser for tests: Debian's Chromium through playwright, pages served in-process from an ASGI application or from a running one.

`browser` is the fixture. `Screen` opens pages at a phone's and a desk's width, holds them to axe (zero violations), walks them by keyboard
and keeps pictures in the folder `MAILLAGE_TEST_PICTURES`, to be looked at. Without that folder none is taken: a picture takes as long as axe does.
"""

import os
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
HERE = "http://maillage.test"
PHONE, DESK = 390, 1280
HEIGHT = 860
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium, one process per test; skips where the machine has none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None and os.environ.get("MAILLAGE_TEST_BROWSER") == "required":
        pytest.fail("Chromium is missing, and this run may not skip what needs it")
    if program is None:
        pytest.skip("no Chromium on this machine")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield launched
        await launched.close()


@dataclass
class Traffic:
    """What a page asked for: addresses and the bytes of each answer as sent."""

    answers: list[tuple[str, int]] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return len(self.answers)

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.answers)


@dataclass
class Screen:
    """One visitor's window."""

    context: BrowserContext
    page: Page
    traffic: Traffic

    async def open(self, path: str) -> Page:
        """Goes to a path of the in-process application, or to a whole address."""
        await self.page.goto(path if "://" in path else f"{HERE}{path}")
        return self.page

    async def check(self, name: str, *, widths: Sequence[int] | None = None) -> None:
        """No axe violation at a phone's and a desk's width, nothing over what is to be tapped, no sideways scrolling at 320; a picture of each.

        Where no widths are said, the sample of tests looks at one of the two, by the name of the page, the same each time; `make test-long` at both.
        """
        await self.page.wait_for_load_state()  # a page that a click began has its words before its stylesheet
        both = not sampled or "MAILLAGE_TEST_PICTURES" in os.environ
        for width in widths or ((PHONE, DESK) if both else ((PHONE, DESK)[crc32(name.encode()) % 2],)):
            await self.page.set_viewport_size({"width": width, "height": HEIGHT})
            await self.picture(f"{name}-{'phone' if width == PHONE else 'bureau'}")
            assert await violations(self.page) == [], f"{name} at {width} px"
            assert await self.page.evaluate(_COVERED) == [], f"{name} at {width} px: something lies over what is to be tapped"
        await self.page.set_viewport_size({"width": 320, "height": HEIGHT})
        assert await self.page.evaluate(_TOO_WIDE) == [], f"{name} scrolls sideways at 320 px"
        await self.page.set_viewport_size({"width": DESK, "height": HEIGHT})

    async def check_menu(self) -> None:
        """No axe violation in the menu under one's name, which covers the page where it is open."""
        await self.page.wait_for_load_state()
        for width in (PHONE, DESK):
            await self.page.set_viewport_size({"width": width, "height": HEIGHT})
            await self.page.locator(".m-menu").evaluate("menu => menu.setAttribute('open', '')")
            assert await violations(self.page, within=".m-menu") == [], f"the menu at {width} px"
            await self.page.locator(".m-menu").evaluate("menu => menu.removeAttribute('open')")

    async def with_authenticator(self) -> Page:
        """The window's page, on a device that makes and shows passkeys as a telephone does, and whose holder always agrees."""
        session = await self.context.new_cdp_session(self.page)
        await session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": True,
        }  # fmt: skip
        await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return self.page

    async def picture(self, name: str) -> None:
        """The whole page as a PNG, where pictures are wanted."""
        if folder := os.environ.get("MAILLAGE_TEST_PICTURES"):
            await self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    async def tab_order(self, most: int = 60) -> list[str]:
        """What the Tab key reaches, in order, by accessible words. Fails where the focus cannot be seen or is trapped."""
        await self.page.evaluate(_FROM_THE_TOP)
        names: list[str] = []
        for _ in range(most):
            await self.page.keyboard.press("Tab")
            focus = await self.page.evaluate(_FOCUS)
            if focus is None or focus["again"]:
                return names
            assert focus["seen"], f"the focus on {focus['name']!r} cannot be seen"
            names.append(focus["name"])
        return names


# What sticks out to the right, when the page scrolls sideways.
_TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const out = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width + 1 && !e.closest(".m-scroll, .m-tabs, .m-filters"));
  return out.map(e => e.outerHTML.slice(0, 90)).slice(0, 5);
}"""

# What is to be tapped, and would not be: something else lies over its middle, other than a list that is open to be chosen from.
_COVERED = """() => {
  const out = [...document.querySelectorAll("main :is(a[href], button, summary, select, textarea, input:not([type=hidden]))")].filter(e => {
    if (!e.checkVisibility()) return false;
    e.scrollIntoView({ block: "center", behavior: "instant" });
    const box = e.getClientRects()[0];
    if (!box || !box.width) return false;
    const at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return at && !e.contains(at) && !at.contains(e) && !at.closest('[role=listbox]') && ![...(e.labels ?? [])].some(one => one.contains(at));
  });
  scrollTo({ top: 0, behavior: "instant" });
  return out.map(e => e.outerHTML.slice(0, 120)).slice(0, 5);
}"""

# Focus stands before the first element of the page, as when it has just been opened.
_FROM_THE_TOP = """() => {
  const mark = document.createElement("span");
  mark.tabIndex = -1;
  document.body.prepend(mark);
  mark.focus();
}"""

# The element that has the focus: its words, whether it was reached before, whether its ring is visible. Once inside a frame, the focus is drawn
# by what the frame shows (the browser's own reader of PDF).
_FOCUS = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const again = e.dataset.walked === "1";
  e.dataset.walked = "1";
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  const name = (e.getAttribute("aria-label") || e.innerText || e.labels?.[0]?.innerText || e.name || e.tagName).trim().replace(/\\s+/g, " ");
  const inside = e.tagName === "IFRAME" && box.width > 0;
  return { again, name, seen: inside || style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.height > 0 };
}"""


def pytest_configure(config: pytest.Config) -> None:
    """A run that leaves out what is long looks at half of the widths."""
    global sampled  # one run, one answer
    sampled = config.getoption("markexpr") == "not long"


sampled = True


async def violations(page: Page, *, within: str = "html") -> list[str]:
    """What axe finds wrong: rule, what to mend, where."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = await page.evaluate(
        "([rules, within]) => axe.run(within, { runOnly: { type: 'tag', values: rules }, resultTypes: ['violations'] })",
        [RULES, within],
    )
    return [
        f"{one['id']}: {one['help']} at {', '.join(str(node['target'][0]) for node in one['nodes'][:3])}"
        for one in found["violations"]
    ]


async def screen(
    browser: Browser,
    app: Any = None,
    *,
    headers: Sequence[tuple[str, str]] = (),
    scripts: bool = True,
    width: int = DESK,
    policy: bool = True,
) -> Screen:
    """A fresh window. With `app`, requests to `HERE` are answered by that ASGI application in this process (no server-sent events).

    `headers` go with every request (a bearer token, a session's cookie); `scripts=False` shows the page as it is without JavaScript, and
    `policy=False` as a browser would that does not know the Content-Security-Policy: what is escaped holds by itself.
    """
    context = await browser.new_context(
        viewport={"width": width, "height": HEIGHT},
        locale="fr-FR",
        java_script_enabled=scripts,
        bypass_csp=not policy,
        extra_http_headers={} if app is not None else dict(headers),
    )
    traffic = Traffic()
    if app is not None:
        await context.route(f"{HERE}/**", _answer_from(app, traffic, dict(headers)))
    return Screen(context=context, page=await context.new_page(), traffic=traffic)


def _answer_from(app: Any, traffic: Traffic, always: dict[str, str]) -> Any:
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app, raise_app_exceptions=False), base_url=HERE)

    async def answer(route: Route) -> None:
        request = route.request
        address = urlsplit(request.url)
        target = f"{address.path}?{address.query}" if address.query else address.path
        # With its cookie, for which the browser is asked again; it answers no such question of a stylesheet whose page went meanwhile.
        own = request.headers if address.path.startswith("/static/") else await request.all_headers()
        headers = {**own, **always, "accept-encoding": "gzip"}
        async with client.stream(request.method, target, headers=headers, content=request.post_data_buffer) as response:
            sent = b"".join([chunk async for chunk in response.aiter_raw()])
        traffic.answers.append((address.path, len(sent)))
        body = httpx.Response(
            200, headers={"content-encoding": response.headers.get("content-encoding", "identity")}, content=sent
        )
        kept = {name: value for name, value in response.headers.items() if name not in ("content-encoding", "content-length")}
        await route.fulfill(status=response.status_code, headers=kept, body=body.content)

    return answer
