"""Clients that come with a certificate: through a real TLS proxy on a real socket, and all the ways to pretend."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.access.platform import Platform
from maillage.clock import FixedClock, SystemClock
from maillage.config import Config
from maillage.connectors.listening import free_port, served
from maillage.errors import SetupError
from maillage.http.app import create_app
from maillage.http.certificates import certificates_of
from maillage.http.fhir import fhir_routes
from maillage.http.origins import trusted
from tests.support.certificates import Authority
from tests.support.people import MACHINE

LAB = replace(MACHINE, id="lab")
FHIR = {"accept": "application/fhir+json"}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(SystemClock().now())  # certificates are made now


@pytest.fixture
def app(platform: Platform, authority: Authority) -> Any:
    """The FHIR door of an installation whose laboratory must show its certificate, behind a proxy of this machine."""
    named = {"client_certificates": "lab=LABO-1", "client_certificates_ca": str(authority.path), "proxies": "127.0.0.1"}
    return create_app(replace(platform, config=replace(platform.config, **named)), fhir_routes())


@asynccontextmanager
async def proxy(authority: Authority, behind: int) -> AsyncIterator[int]:
    """A TLS proxy, as an operator has one: asks for a certificate, takes the header of others out, says the one it saw."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign("proxy"))
    context.load_verify_locations(authority.path)
    context.verify_mode = ssl.CERT_OPTIONAL

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        lines = [line for line in head if not line.lower().startswith(("client-cert:", "connection:"))][:-2]
        said = [f"Client-Cert: :{base64.b64encode(shown).decode()}:"] if shown else []
        inner, outer = await asyncio.open_connection("127.0.0.1", behind)
        outer.write("\r\n".join([*lines, *said, "Connection: close", "", ""]).encode("latin-1"))
        writer.write(await inner.read())
        outer.close()
        writer.close()

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def through(authority: Authority, port: int, name: str | None, headers: dict[str, str]) -> httpx.Response:
    context = ssl.create_default_context(cafile=str(authority.path))
    if name is not None:
        context.load_cert_chain(*authority.sign(name))
    async with httpx.AsyncClient(verify=context, headers=headers | FHIR) as client:
        return await client.get(f"https://127.0.0.1:{port}/fhir/Patient")


async def bearing(access: Access, actor: Actor) -> dict[str, str]:
    return {"authorization": f"Bearer {await access.issue_token(actor, lifetime=timedelta(hours=1))}"}


async def test_a_token_counts_with_the_certificate_of_its_client_only(app: Any, access: Access, authority: Authority) -> None:
    port = free_port("127.0.0.1")
    lab, other = await bearing(access, LAB), await bearing(access, MACHINE)
    async with served(app, host="127.0.0.1", port=port), proxy(authority, port) as secure:
        assert (await through(authority, secure, "LABO-1", lab)).status_code == 200
        assert (await through(authority, secure, None, other)).status_code == 200
        assert (await through(authority, secure, "LABO-2", other)).status_code == 200
        for name in ("LABO-2", None):
            assert (await through(authority, secure, name, lab)).status_code == 401
        planted = {"client-cert": said(authority, "LABO-1")}
        assert (await through(authority, secure, None, lab | planted)).status_code == 401


def said(authority: Authority, name: str) -> str:
    der = x509.load_pem_x509_certificate(authority.sign(name)[0].read_bytes()).public_bytes(Encoding.DER)
    return f":{base64.b64encode(der).decode()}:"


async def asked(app: Any, headers: Any, *, client: str = "127.0.0.1") -> int:
    transport = httpx.ASGITransport(app, client=(client, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://maillage.test") as sender:
        return (await sender.get("/fhir/Patient", headers=headers)).status_code


async def test_a_certificate_is_believed_from_our_proxy_only_and_checked_again(
    app: Any, access: Access, authority: Authority, clock: FixedClock, tmp_path: Path
) -> None:
    lab = list((await bearing(access, LAB)).items())
    good = said(authority, "LABO-1")
    (tmp_path / "elsewhere").mkdir()
    stranger = said(Authority(tmp_path / "elsewhere", "authority"), "LABO-1")
    assert await asked(app, [*lab, ("client-cert", good)]) == 200
    assert await asked(app, [*lab, ("client-cert", good)], client="10.0.0.9") == 401
    refused = (
        "",
        ":",
        "::",
        "x",
        good[1:-1],
        good + ":",
        stranger,
        said(authority, "labo-1"),
        ":" + "A" * 20_000 + ":",
        good[:-20] + ":",
    )
    for header in refused:
        assert await asked(app, [*lab, ("client-cert", header)]) == 401, header
    assert await asked(app, [*lab, ("client-cert", good), ("client-cert", good)]) == 401
    clock.advance(timedelta(days=3))
    assert await asked(app, [*(await bearing(access, LAB)).items(), ("client-cert", good)]) == 401


@pytest.mark.parametrize(
    "settings",
    [{"client_certificates": "lab"}, {"client_certificates": "=x"}, {"client_certificates": "lab=x"}, {"client_certificates": "lab=x", "client_certificates_ca": "/nowhere"}],
)  # fmt: skip
def test_settings_that_could_never_be_checked_stop_the_start(settings: dict[str, str]) -> None:
    with pytest.raises(SetupError, match="CLIENT_CERTIFICATES"):
        certificates_of(Config(**settings), trusted("127.0.0.1"))
    with pytest.raises(SetupError, match="CLIENT_CERTIFICATES"):
        certificates_of(
            Config(client_certificates="lab=x", client_certificates_ca=settings.get("client_certificates_ca", "x")), ()
        )
    assert certificates_of(Config(), ()).names == {}
