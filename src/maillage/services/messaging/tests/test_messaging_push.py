"""Notifications on the browsers that somebody chose: who is told when, in which words, and where no more."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from joserfc.jwk import ECKey
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.clock import FixedClock
from maillage.connectors.listening import free_port, served
from maillage.connectors.mail import Mailer
from maillage.connectors.push import Pusher, PushKey, Subscription
from maillage.connectors.push.emulator import PushService, emulated_push
from maillage.connectors.push.encryption import from_text
from maillage.errors import NotFound, Unavailable
from maillage.fhir.erasing import Erased
from maillage.jobs import Job, Outside
from maillage.services.messaging import jobs, pages
from maillage.services.messaging.events import MessagePosted
from maillage.services.messaging.resources.message import Readers
from maillage.services.messaging.rules.notices import push_words
from maillage.services.messaging.service import alerting, mail, messages, pushing
from tests.support.browser import screen
from tests.support.pages import client_of
from tests.support.people import SEED, care_team, carer, patient, professional, sees

GP, NURSE = professional("gp", name="Dr Camille EXEMPLE"), professional("nurse", Role.NURSE)
ZOE, CLAUDE = patient("zoe"), carer("claude")
PEM = ECKey.generate_key("P-256").as_pem(private=True).decode()
KEY = PushKey(PEM)
SERVICES = "push.example"
NURSES = {
    "coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante", "code": "60"}]
}


@pytest.fixture(autouse=True)
async def circle(access: Access) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "zoe", "name": [{"family": "MARTIN", "given": ["Zoé"]}]},
            *({"resourceType": "Practitioner", "id": id, "name": [{"family": id}], "qualification": [{"code": NURSES}]} for id in ("gp", "nurse")),
            {"resourceType": "RelatedPerson", "id": "claude", "patient": {"reference": "Patient/zoe"}, "active": True, **sees("whole")},
            care_team("zoe", "Practitioner/gp", "Practitioner/nurse", "RelatedPerson/claude"),
        )  # fmt: skip


@pytest.fixture
async def service(clock: FixedClock) -> AsyncIterator[PushService]:
    async with emulated_push(clock) as one:
        yield one


@pytest.fixture
def outside(service: PushService, clock: FixedClock, tmp_path: Path) -> Outside:
    push = Pusher(
        key=KEY, services=service.address.partition("://")[2], subject="mailto:x@maillage.example", clock=clock, networks=[ip_network("127.0.0.0/8")]
    )  # fmt: skip
    away = Mailer(address="127.0.0.1:9", sender="x@maillage.example", clock=clock)
    return Outside(mail=away, base_url="https://maillage.example", anchor=tmp_path, erasures=tmp_path, push=push)


async def subscribed(access: Access, service: PushService, actor: Actor, said: dict[str, Any] | None = None) -> str:
    """The address of a new browser on which somebody is told."""
    said = said or service.subscribe(KEY.public)
    one = Subscription(endpoint=said["endpoint"], browser=from_text(said["keys"]["p256dh"]), auth=from_text(said["keys"]["auth"]))
    async with access.act(actor) as ctx:
        await pushing.subscribe(ctx, one, device="Chrome sur Android")
    return one.endpoint


async def written(access: Access, *, by: Actor = GP, readers: Readers = Readers(), urgent: bool = False) -> bool:  # noqa: B008 - frozen
    """Whether a browser may be told of a message at once."""
    async with access.act(by) as ctx:
        await messages.begin(
            ctx, patient="zoe", key=str(uuid4()), topic="Plaie", text="Berges rouges", readers=readers, urgent=urgent
        )
        [posted] = [event for event in ctx.announced if isinstance(event, MessagePosted)]
    async with access.act(SEED) as ctx:
        return (await alerting.tell_of_message(ctx, posted)).push


async def send(access: Access, outside: Outside) -> None:
    await jobs.send_push(Job(name="messaging.send_push", key="1", outside=outside, access=access))


def words(service: PushService, endpoint: str) -> list[str]:
    return [json.loads(one.words)["body"] for one in service.delivered(endpoint)]


async def test_those_who_chose_it_are_told_on_their_browsers_that_something_waits_and_nothing_else(
    access: Access, service: PushService, outside: Outside
) -> None:
    phone, desk = await subscribed(access, service, NURSE), await subscribed(access, service, NURSE)
    person, author = await subscribed(access, service, ZOE), await subscribed(access, service, GP)
    assert await written(access) is True
    await send(access, outside)
    for endpoint, place in ((phone, "/nouveautes"), (desk, "/nouveautes"), (person, "/messages")):
        [told] = service.delivered(endpoint)
        assert json.loads(told.words) == {"title": "Maillage", "body": "Une nouveauté vous attend.", "url": place}
    assert service.delivered(author) == []
    await send(access, outside)
    assert len(service.delivered(phone)) == 1, "told once"


async def test_who_does_not_read_the_message_is_not_told(access: Access, service: PushService, outside: Outside) -> None:
    person, kin, nurse = [await subscribed(access, service, one) for one in (ZOE, CLAUDE, NURSE)]
    await written(access, readers=Readers(professionals=True))
    await send(access, outside)
    assert [len(service.delivered(one)) for one in (person, kin, nurse)] == [0, 0, 1]


async def test_several_within_minutes_are_told_at_once_later(
    access: Access, service: PushService, outside: Outside, clock: FixedClock
) -> None:
    phone = await subscribed(access, service, NURSE)
    await written(access)
    await send(access, outside)
    for _ in range(2):
        assert await written(access) is False
    await send(access, outside)
    assert words(service, phone) == ["Une nouveauté vous attend."]
    clock.advance(timedelta(minutes=6))
    async with access.act(SEED) as ctx:
        await jobs.send_what_waited.handler(ctx)
    await send(access, outside)
    assert words(service, phone) == ["Une nouveauté vous attend.", "2 nouveautés vous attendent."]


async def test_quiet_hours_hold_for_browsers_too_but_not_for_what_is_urgent(
    access: Access, service: PushService, outside: Outside, clock: FixedClock
) -> None:
    phone = await subscribed(access, service, NURSE)
    async with access.act(NURSE) as ctx:
        await alerting.keep_quiet(ctx, starts="12:00", ends="14:00", mail=False)  # it is 13:00 in France
    await written(access)
    await send(access, outside)
    assert service.delivered(phone) == []
    await written(access, urgent=True)
    await send(access, outside)
    assert words(service, phone) == ["2 nouveautés vous attendent."]
    assert service.delivered(phone)[0].headers["urgency"] == "high"
    await written(access)
    clock.advance(timedelta(hours=1, minutes=1))
    await send(access, outside)
    assert len(service.delivered(phone)) == 2


async def test_a_browser_that_is_gone_is_forgotten_and_one_that_answers_late_is_tried_again(
    access: Access, service: PushService, outside: Outside
) -> None:
    gone, phone = await subscribed(access, service, NURSE), await subscribed(access, service, NURSE)
    service.unsubscribe(gone)
    await written(access)
    service.answers = 503
    with pytest.raises(Unavailable):  # the job comes back
        await send(access, outside)
    service.answers = None
    await send(access, outside)
    assert len(service.delivered(phone)) == 1
    async with access.act(NURSE) as ctx:
        assert len(await pushing.devices(ctx)) == 1


async def test_what_a_push_service_refuses_is_not_sent_again(access: Access, service: PushService, outside: Outside) -> None:
    phone = await subscribed(access, service, NURSE)
    await written(access)
    service.answers = 403
    await send(access, outside)
    service.answers = None
    await send(access, outside)
    assert service.delivered(phone) == []
    async with access.act(SEED) as ctx:
        assert await pushing.owed(ctx, limit=9) == []


async def test_a_browser_is_that_of_who_turned_it_on_last_and_one_has_ten_at_most(
    access: Access, service: PushService, outside: Outside, clock: FixedClock
) -> None:
    said = service.subscribe(KEY.public)
    shared = await subscribed(access, service, NURSE, said)
    await written(access)
    await subscribed(access, service, CLAUDE, said)
    await send(access, outside)
    assert service.delivered(shared) == [], "what was owed to the nurse is not told to who has the browser now"
    for _ in range(pushing.MOST + 2):
        clock.advance(timedelta(minutes=1))
        await subscribed(access, service, CLAUDE)
    async with access.act(CLAUDE) as ctx:
        kept = await pushing.devices(ctx)
    assert len(kept) == pushing.MOST
    assert kept[0].since == clock.now(), "the newest stay"


async def test_browsers_go_with_an_erasure_and_after_a_year_without_a_word(
    access: Access, service: PushService, clock: FixedClock
) -> None:
    for actor in (ZOE, NURSE):
        await subscribed(access, service, actor)
    async with access.act(SEED) as ctx:
        await mail.forget_addresses(ctx, [Erased("Patient", "zoe", "zoe")])
    clock.advance(timedelta(days=300))
    await subscribed(access, service, CLAUDE)
    clock.advance(timedelta(days=100))
    async with access.act(SEED) as ctx:
        await jobs.forget_idle_browsers.handler(ctx)
    for actor, left in ((ZOE, 0), (NURSE, 0), (CLAUDE, 1)):
        async with access.act(actor) as ctx:
            assert len(await pushing.devices(ctx)) == left, actor.id


def given(endpoint: str = f"https://{SERVICES}/send/abc", **keys: str) -> str:
    """What a browser gives (the keys of RFC 8291 §5)."""
    said = {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    }  # fmt: skip
    return json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": said | keys})


PLACE = "/mes-notifications/appareil"


async def test_a_browser_is_added_and_taken_off_by_its_owner_alone(access: Access, application: Any) -> None:
    app = application(pages, settings={"push_key": PEM, "push_services": SERVICES})
    async with await client_of(app, access, NURSE) as nurse, await client_of(app, access, GP) as gp:
        assert f'data-push="{KEY.public}"' in (await nurse.get("/mes-notifications")).text
        agent = {"user-agent": "Mozilla/5.0 (Android 15; Mobile) Firefox/140.0"}
        for _ in range(2):
            answer = await nurse.post(PLACE, data={"abonnement": given()}, headers=agent)
            assert (answer.status_code, answer.headers["location"]) == (303, "/mes-notifications?fait=appareil")
        page = (await nurse.get("/mes-notifications")).text
        assert page.count("Firefox sur Android</p>") == 1
        [way] = {part.split('"')[0] for part in page.split(f'action="{PLACE}/')[1:]}
        assert (await gp.post(f"{PLACE}/{way}")).status_code == 404
        assert (await gp.post(f"{PLACE}/none/retirer")).status_code == 404
        assert "Firefox sur Android" not in (await gp.get("/mes-notifications")).text
        assert (await nurse.post(f"{PLACE}/{way}")).status_code == 303
        assert "Firefox sur Android" not in (await nurse.get("/mes-notifications")).text


async def test_what_no_browser_gives_or_another_address_is_refused(access: Access, application: Any) -> None:
    app = application(pages, settings={"push_key": PEM, "push_services": SERVICES})
    async with await client_of(app, access, NURSE) as nurse:
        for said in (
            "", "{}", "[]", "x", given("http://127.0.0.1:5432/"), given("https://169.254.169.254/"), given("https://evil.example/"), given(f"http://{SERVICES}/x"),
            given(f"https://{SERVICES}.evil.example/x"), given(auth="AAAA"), given(auth="é"), given(p256dh="A" * 87), '{"endpoint": 1, "keys": {}}',
        ):  # fmt: skip
            assert 400 <= (await nurse.post(PLACE, data={"abonnement": said})).status_code < 500, said
    async with access.act(NURSE) as ctx:
        assert await pushing.devices(ctx) == []
        with pytest.raises(NotFound):
            await pushing.unsubscribe(ctx, str(uuid4()))


async def test_where_the_operator_set_no_key_nothing_is_offered(access: Access, application: Any) -> None:
    async with await client_of(application(pages), access, NURSE) as nurse:
        assert "data-push" not in (await nurse.get("/mes-notifications")).text
        assert (await nurse.post(PLACE, data={"abonnement": given()})).status_code == 404


# The browser's own push service is elsewhere: what it would give is given; the rest is the browser's.
STANDS_IN = "PushManager.prototype.subscribe = async (asked) => { window.asked = asked; return { toJSON: () => (%s) }; };"


# No script can click a notification, nor open a window without one: the click is told to the worker, and the two ways in which it answers are noted.
CLICKED = """async (places) => {
  const led = [];
  const waits = [];
  ExtendableEvent.prototype.waitUntil = (work) => { waits.push(work); };
  Clients.prototype.openWindow = async (address) => { led.push(["opened", new URL(address).pathname]); };
  WindowClient.prototype.focus = async function () { led.push(["shown", new URL(this.url).pathname]); return this; };
  for (const place of places) {
    await self.registration.showNotification("Maillage", { data: place, tag: "maillage" });
    const [notification] = await self.registration.getNotifications();
    self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
    await Promise.all(waits);
  }
  return led;
}"""


@pytest.mark.browser
async def test_one_turns_it_on_and_the_browser_shows_what_a_push_says(
    access: Access, application: Any, signed_in: Any, browser: Browser
) -> None:
    app = application(pages, settings={"push_key": PEM, "push_services": SERVICES})
    port = free_port("127.0.0.1")
    async with served(app, host="127.0.0.1", port=port) as address:
        window = await screen(browser)
        name, _, value = dict(await signed_in(NURSE))["cookie"].partition("=")
        await window.context.add_cookies([{"name": name, "value": value, "url": address}])
        await window.context.grant_permissions(["notifications"], origin=address)
        await window.context.add_init_script(STANDS_IN % given())
        page = await window.open(f"{address}/mes-notifications")
        await window.check("notifications")
        await page.get_by_role("button", name="Me prévenir sur cet appareil").click()
        await expect(page.get_by_text("Cet appareil vous préviendra")).to_be_visible()
        await expect(page.get_by_role("button", name="Retirer")).to_have_count(1)
        await window.check("notifications-appareil")
        session = await window.context.new_cdp_session(page)
        known: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        session.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda event: known.done() or known.set_result(event["registrations"][0]["registrationId"]),
        )
        await session.send("ServiceWorker.enable")
        pushed = {"origin": address, "registrationId": await known, "data": push_words(2, place="/nouveautes").decode()}
        await session.send("ServiceWorker.deliverPushMessage", pushed)
        shown = """async () => {
          const worker = await navigator.serviceWorker.getRegistration("/static/");
          for (let tries = 0; tries < 100; tries++) {
            const all = await worker.getNotifications();
            if (all.length) return all.map((one) => [one.title, one.body, one.data, one.tag]);
            await new Promise((end) => setTimeout(end, 20));
          }
          return [];
        }"""
        assert await page.evaluate(shown) == [["Maillage", "2 nouveautés vous attendent.", "/nouveautes", "maillage"]]
        clicked = await window.context.service_workers[0].evaluate(
            CLICKED, ["/nouveautes", "/mes-notifications", "https://ailleurs.example/"]
        )
        assert clicked == [["opened", "/nouveautes"], ["shown", "/mes-notifications"]], (
            "what shows it already comes to the front, another page is left as it is, and nothing leads elsewhere"
        )
        assert "/mes-notifications" in page.url
        left = """async () => {
          const worker = await navigator.serviceWorker.getRegistration("/static/");
          for (let tries = 0; tries < 100 && (await worker.getNotifications()).length; tries++) await new Promise((end) => setTimeout(end, 20));
          return (await worker.getNotifications()).length;
        }"""
        assert await page.evaluate(left) == 0, "a notification that was followed is gone"
