"""Letters over a real SMTP socket."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from maillage.clock import FixedClock, SystemClock
from maillage.connectors.listening import free_port, served
from maillage.connectors.mail import Letter, Mailer, TransportSecurity
from maillage.connectors.mail.emulator import Mailbox, create_viewer, smtp_door
from maillage.errors import Invalid, Unavailable

CLOCK = FixedClock(datetime(2026, 11, 22, 10, 0, tzinfo=UTC))
NOTICE = Letter(
    to="camille@exemple.example", subject="Une nouveauté vous attend", text="Élément à lire sur Maillage.\n", key="notice-1"
)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox(CLOCK)


@pytest.fixture
async def smtp(mailbox: Mailbox) -> AsyncIterator[str]:
    async with smtp_door(mailbox, host="127.0.0.1", port=0) as address:
        yield address


def mailer(address: str, **options: object) -> Mailer:
    return Mailer(address=address, sender="ne-pas-repondre@maillage.example", clock=CLOCK, **options)  # type: ignore[arg-type]


async def test_a_letter_arrives_as_it_was_written(mailbox: Mailbox, smtp: str) -> None:
    await mailer(smtp).send(NOTICE)
    (letter,) = mailbox.letters(to="Camille@exemple.example")
    assert (letter.sender, letter.recipients) == ("ne-pas-repondre@maillage.example", ("camille@exemple.example",))
    assert letter.text.splitlines() == NOTICE.text.splitlines()
    assert letter.message["Subject"] == NOTICE.subject
    assert letter.message["Message-ID"] == "<notice-1@maillage.example>"
    assert letter.message["Date"] == "Sun, 22 Nov 2026 10:00:00 +0000"
    assert letter.message["Auto-Submitted"] == "auto-generated"


async def test_a_header_cannot_be_smuggled_through_a_subject(smtp: str) -> None:
    with pytest.raises(Invalid, match="line break"):
        await mailer(smtp).send(Letter(to="a@b.example", subject="Bonjour\r\nBcc: c@d.example", text="", key="k"))


async def test_an_address_that_does_not_exist_is_refused_for_good(smtp: str) -> None:
    with pytest.raises(Invalid):
        await mailer(smtp).send(Letter(to="inconnu@exemple.example", subject="s", text="t", key="k"))


async def test_a_busy_mailbox_is_to_be_tried_later(smtp: str) -> None:
    with pytest.raises(Unavailable):
        await mailer(smtp).send(Letter(to="occupe@exemple.example", subject="s", text="t", key="k"))


async def test_a_server_that_is_away_is_unavailable_and_the_probe_says_so() -> None:
    away = mailer(f"127.0.0.1:{free_port('127.0.0.1')}")
    with pytest.raises(Unavailable):
        await away.send(NOTICE)
    assert not (await away.probe()).ok


async def test_the_probe_greets_the_server(smtp: str) -> None:
    assert (await mailer(smtp).probe()).ok


@pytest.mark.parametrize("security", [TransportSecurity.STARTTLS, TransportSecurity.TLS])
async def test_letters_go_through_tls_and_only_to_a_trusted_server(
    mailbox: Mailbox, tmp_path: Path, security: TransportSecurity
) -> None:  # fmt: skip
    serving, trusting = certified(tmp_path)
    offered = {"tls": serving} if security is TransportSecurity.TLS else {"starttls": serving}
    async with smtp_door(mailbox, host="127.0.0.1", port=0, **offered) as address:
        await mailer(address, security=security, context=trusting).send(NOTICE)
        assert len(mailbox.letters()) == 1
        with pytest.raises(Unavailable):
            await mailer(address, security=security).send(NOTICE)
        assert len(mailbox.letters()) == 1


async def test_the_page_shows_letters_says_it_is_an_emulator_and_escapes_them(mailbox: Mailbox, smtp: str) -> None:
    await mailer(smtp).send(Letter(to="a@b.example", subject="<script>alert(1)</script>", text="<b>", key="k"))
    port = free_port("127.0.0.1")
    async with served(create_viewer(mailbox), host="127.0.0.1", port=port) as web, httpx.AsyncClient(base_url=web) as reader:
        listed, one, gone = await reader.get("/"), await reader.get("/1"), await reader.get("/9")
        said = (await reader.get("/letters.json", params={"to": "a@b.example"})).json()
    for page in (listed, one):
        assert "Émulateur" in page.text
        assert "<script>" not in page.text
    assert gone.status_code == 404
    assert [(letter["subject"], letter["to"]) for letter in said] == [("<script>alert(1)</script>", ["a@b.example"])]


def certified(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate of its own for 127.0.0.1, and a client's that trusts only that one."""
    import ipaddress
    from datetime import timedelta

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "emulateur")])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(path)
    trusting = ssl.create_default_context(cafile=str(path))
    return serving, trusting
