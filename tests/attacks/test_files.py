"""Files joined to messages: whatever they are called, are said to be or carry, they are kept and given back as nothing that acts."""

import io
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from httpx import ASGITransport, AsyncClient
from PIL import Image

from maillage.access.access import Access
from maillage.errors import MaillageError
from maillage.http.csrf import masked
from maillage.services.messaging import pages
from maillage.services.messaging.tests.test_messaging_conversations import GP, begun, territory
from tests.support.browser import HERE
from tests.support.photographs import GPS, jpeg, png

__all__ = ["territory"]
SCRIPT = b"<script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'


class Sender:
    """Joins files to a conversation as its form does, and opens what became of them."""

    def __init__(self, access: Access, client: AsyncClient, secret: str, thread: str) -> None:
        self.access, self.client, self.secret, self.thread = access, client, secret, thread

    async def send(self, name: str, kind: str, content: bytes) -> int:
        sent = {"csrf": masked(self.secret), "cle": str(uuid4()), "message": "Voyez"}
        return (
            await self.client.post(f"/messages/{self.thread}", data=sent, files={"fichiers": (name, content, kind)})
        ).status_code

    async def last(self) -> tuple[str, Any]:
        """The reference of the newest document, and how it is given back."""
        async with self.access.act(GP, read_only=True) as ctx:
            [document] = await ctx.records.find("DocumentReference", {"_sort": "-_lastUpdated", "_count": "1"})
        return document["content"][0]["attachment"]["title"], await self.client.get(f"/messages/pieces/{document['id']}")


@pytest.fixture
async def sender(territory: None, access: Access, application: Any) -> Any:
    secret = await access.sign_in(GP)
    transport = ASGITransport(app=application(pages))
    async with AsyncClient(
        transport=transport, base_url=HERE, headers={"accept": "text/html"}, cookies={"maillage": secret}
    ) as client:
        yield Sender(access, client, secret, await begun(access))


@pytest.mark.parametrize("name", ["plaie.jpg", "/", "..", ".", "../../x.jpg", "a\\b.jpg", "x\u202egpj.exe", "é" * 300, "…"])
async def test_a_photograph_is_kept_whatever_it_is_called(sender: Sender, name: str) -> None:
    assert await sender.send(name, "image/jpeg", jpeg()) == 303
    title, answer = await sender.last()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert title.endswith(".jpg")
    assert len(title) < 130
    assert not set(title) & set("/\\\u202e\r\n")


@pytest.mark.parametrize("said", ["image/jpeg", "image/jpg", "image/pjpeg", "IMAGE/JPEG; x=y", "application/octet-stream", ""])
async def test_where_a_photograph_was_taken_goes_whatever_it_is_said_to_be(sender: Sender, said: str) -> None:
    assert await sender.send("IMG_1", said, jpeg(gps=True)) == 303
    _, answer = await sender.last()
    kept = Image.open(io.BytesIO(answer.content))
    assert kept.size == (320, 240)
    assert not kept.getexif().get_ifd(GPS)


@pytest.mark.parametrize("said", ["image/png", "image/jpeg", "application/octet-stream", ""])
async def test_where_a_drawing_was_taken_goes_and_the_drawing_stays(sender: Sender, said: str) -> None:
    sent = png(gps=True, words="48.856, 2.352") + b"behind the end"
    assert Image.open(io.BytesIO(sent)).getexif().get_ifd(GPS), "the sent one says where it was taken"
    status = await sender.send("capture.png", said, sent)
    if said == "image/jpeg":
        assert status == 422
        return
    assert status == 303
    _, answer = await sender.last()
    assert Image.open(io.BytesIO(answer.content)).tobytes() == Image.open(io.BytesIO(sent)).tobytes()
    assert answer.content == png()


async def test_a_photograph_that_keeps_its_place_is_refused(sender: Sender) -> None:
    for brand, said in product((b"heic", b"mif1", b"avif", b"isomheic"), ("image/heic", "image/jpeg", "")):
        body = b"ftyp" + brand[:4] + b"\0\0\0\0" + brand[4:]
        assert await sender.send("IMG_1.heic", said, (len(body) + 4).to_bytes(4) + body + b"Exif 48.856") == 422, (brand, said)
    assert await sender.send("IMG_1.jpg", "image/jpeg", jpeg(gps=True)) == 303


async def test_a_drawing_that_is_cut_is_refused(sender: Sender) -> None:
    for cut in (8, 20, -4, -13):
        assert await sender.send("capture.png", "image/png", png(gps=True)[:cut]) == 422
    assert await sender.send("capture.png", "image/png", png(gps=True)) == 303


@pytest.mark.parametrize(
    ("name", "kind", "content", "sent"),
    [
        ("page.html", "text/html", b"<html>" + SCRIPT, 303),
        ("dessin.svg", "image/svg+xml", SVG, 303),
        ("dessin.svg", "image/png", SVG, 422),
        ("lettre.pdf", "application/pdf", b"%PDF-1.7\n" + SCRIPT, 303),
        ("lettre.pdf", "application/pdf", SCRIPT, 422),
        ("image.gif", "image/gif", b"GIF89a/*" + SCRIPT + b"*/=1;alert(1)", 303),
        ("outil.jpg", "image/jpeg", b"MZ\x90\0", 422),
        ("outil", "application/x-msdownload", b"nothing", 422),
        ("code.js", "text/javascript", b"alert(1)", 303),
        ("style.css", "text/css", b"*{}", 303),
        ("dossier.xml", "application/xml", b'<?xml-stylesheet href="x.xsl"?><a/>', 303),
        ("type", "text/html\u00a0; x", SCRIPT, 303),
    ],
)
async def test_nothing_that_was_joined_acts_in_a_browser(sender: Sender, name: str, kind: str, content: bytes, sent: int) -> None:
    assert await sender.send(name, kind, content) == sent
    if sent != 303:
        return
    title, answer = await sender.last()
    assert (title, answer.content) == (name, content)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "object-src 'none'" in answer.headers["content-security-policy"]
    if kind == "image/gif":
        assert answer.headers["content-type"] == "image/gif"  # which no browser runs as a script where it may not guess
    else:
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment; ")


async def test_data_that_is_no_base64_is_not_kept_by_any_door(sender: Sender, access: Access) -> None:
    for data, taken in (
        ("QUJD", True),
        ("QUJ", False),
        ("QUJD" * 1_000 + "Q", False),
        ("QUJD" * 1_000 + "é==", False),
        ("====", False),
    ):
        document = {"resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/zoe"},
                    "author": [{"reference": "Practitioner/gp"}], "content": [{"attachment": {"contentType": "text/plain", "title": "a", "data": data}}]}  # fmt: skip
        try:
            async with access.act(GP, door="fhir") as ctx:
                stored = await ctx.records.write(document)
        except MaillageError:
            assert not taken, data[-5:]
        else:
            assert taken, data[-5:]
            assert (await sender.client.get(f"/messages/pieces/{stored['id']}")).content == b"ABC"
