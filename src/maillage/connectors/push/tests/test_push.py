"""Web Push: encrypted as the standard's own example, signed for the service that is asked, to services of the settings and to no other address."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from joserfc.jwk import ECKey

from maillage.clock import FixedClock
from maillage.config import Config
from maillage.connectors.push import Pusher, PushKey, Subscription, Unsubscribed, pusher_of
from maillage.connectors.push.emulator import PushService, emulated_push
from maillage.connectors.push.encryption import LONGEST, encrypted, from_text
from maillage.errors import Invalid, SetupError, Unavailable

HERE = [ip_network("127.0.0.0/8")]
PEM = ECKey.generate_key("P-256").as_pem(private=True).decode()
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WORDS = b"Une nouveaut\xc3\xa9 vous attend"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
async def service(clock: FixedClock) -> AsyncIterator[PushService]:
    async with emulated_push(clock) as one:
        yield one


def pusher(service: PushService, clock: FixedClock, *, pem: str = PEM, services: str = "") -> Pusher:
    named = services or service.address.partition("://")[2]
    return Pusher(key=PushKey(pem), services=named, subject="mailto:x@maillage.example", clock=clock, networks=HERE)


def subscribed(service: PushService, pem: str = PEM) -> Subscription:
    said = service.subscribe(PushKey(pem).public)
    keys = said["keys"]
    assert isinstance(keys, dict)
    return Subscription(endpoint=str(said["endpoint"]), browser=from_text(keys["p256dh"]), auth=from_text(keys["auth"]))


def test_a_message_is_encrypted_as_the_standard_shows() -> None:
    """RFC 8291 §5 and appendix A."""
    made = encrypted(
        b"When I grow up, I want to be a watermelon",
        browser=from_text("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        auth=from_text("BTBZMqHH6r4Tts7J_aSIgg"),
        salt=from_text("DGv6ra1nlYgDCS1FRnbzlw"),
        key=derive_private_key(int.from_bytes(from_text("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big"), SECP256R1()),
    )
    assert made == from_text(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


async def test_a_browser_reads_what_the_service_could_not(service: PushService, clock: FixedClock) -> None:
    one, other = subscribed(service), subscribed(service)
    await pusher(service, clock).send(one, WORDS)
    await pusher(service, clock).send(one, WORDS * 20, urgent=True)
    first, second = service.delivered(one.endpoint)
    assert (first.words, second.words) == (WORDS, WORDS * 20)
    assert (first.headers["urgency"], second.headers["urgency"], first.headers["ttl"]) == ("normal", "high", "86400")
    assert service.delivered(other.endpoint) == []


async def test_what_the_service_answers_says_whether_to_come_back(service: PushService, clock: FixedClock) -> None:
    one, sends = subscribed(service), pusher(service, clock)
    for status, fault in ((429, Unavailable), (500, Unavailable), (301, Unavailable), (413, Invalid), (404, Unsubscribed)):
        service.answers = status
        with pytest.raises(fault):
            await sends.send(one, WORDS)
    service.answers = None
    await sends.send(one, WORDS)
    with pytest.raises(Invalid, match="403"):  # signed with another key than the one that the browser subscribed to
        await pusher(service, clock, pem=ECKey.generate_key("P-256").as_pem(private=True).decode()).send(one, WORDS)
    clock.advance(-(NOW - datetime(2026, 11, 20, tzinfo=UTC)))
    service.unsubscribe(one.endpoint)
    with pytest.raises(Unsubscribed, match="410"):
        await sends.send(one, WORDS)


async def test_no_address_but_that_of_a_service_of_the_settings_is_asked(service: PushService, clock: FixedClock) -> None:
    one = subscribed(service)
    host = service.address.partition("://")[2]
    await pusher(service, clock).send(one, WORDS)
    for services in ("fcm.googleapis.com", f"*.{host}", f"x{host}", f"{host}.example"):
        with pytest.raises(Invalid, match="PUSH_SERVICES"):
            await pusher(service, clock, services=services).send(one, WORDS)
    strict = Pusher(key=PushKey(PEM), services=f"{host},localhost,*.push.example", subject="mailto:x@x.example", clock=clock)
    for endpoint in (
        one.endpoint, f"http://{host}/push/x", "file:///etc/passwd", "https://push.example/x", "https://user@localhost/", "https://push.example@localhost/x",
        "https://a.push.example.evil.example/", "https://a.push.example:22/", f"https://localhost/{'x' * 2_000}", "https://[::1", "",
    ):  # fmt: skip
        with pytest.raises(Invalid, match="PUSH_SERVICES"):
            strict.check(Subscription(endpoint=endpoint, browser=one.browser, auth=one.auth))
    strict.check(Subscription(endpoint="https://a.push.example/x", browser=one.browser, auth=one.auth))
    with pytest.raises(Unavailable, match="network"):  # a name of the settings that leads inside
        await strict.send(Subscription(endpoint="https://localhost/x", browser=one.browser, auth=one.auth), WORDS)
    assert len(service.delivered(one.endpoint)) == 1


def test_what_no_browser_gives_is_refused(clock: FixedClock) -> None:
    strict = Pusher(key=PushKey(PEM), services="push.example", subject="mailto:x@x.example", clock=clock)
    good = from_text("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")
    strict.check(Subscription(endpoint="https://push.example/x", browser=good, auth=bytes(16)))
    for browser, auth in (
        (b"", bytes(16)),
        (bytes(65), bytes(16)),
        (good[:-1] + b"\0", bytes(16)),
        (good, bytes(15)),
        (good, b""),
    ):
        with pytest.raises(Invalid, match="P-256"):
            strict.check(Subscription(endpoint="https://push.example/x", browser=browser, auth=auth))
    with pytest.raises(ValueError, match="record"):
        encrypted(bytes(LONGEST + 1), browser=good, auth=bytes(16))


def test_without_a_key_there_is_no_push_and_a_key_that_does_not_serve_is_said(clock: FixedClock) -> None:
    assert pusher_of(Config(), clock) is None
    made = pusher_of(Config(push_key=PEM), clock)
    assert made is not None
    assert len(from_text(made.key.public)) == 65
    for wrong in (
        "no key",
        ECKey.generate_key("P-384").as_pem(private=True).decode(),
        ECKey.import_key(PEM).as_pem(private=False).decode(),
    ):
        with pytest.raises(SetupError, match="P-256"):
            _ = PushKey(wrong).public
    with pytest.raises(SetupError, match="PUSH_KEY_FILE"):
        pusher_of(Config(push_key_file="/nowhere/push.key"), clock)
