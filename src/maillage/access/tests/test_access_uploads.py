"""Files that are sent to be kept: their length, number and type, at the FHIR door and inside clinical documents."""

import base64
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.uploads import Uploads
from maillage.clock import FixedClock
from maillage.db import Database
from maillage.errors import MaillageError, TooLarge, Unprocessable, Unsupported
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.files.kinds import contradiction
from maillage.http.app import create_app
from maillage.http.fhir import fhir_routes
from tests.support.pages import client_of
from tests.support.people import MACHINE, SEED

PDF, PNG, ZIP = b"%PDF-1.7\n%x", b"\x89PNG\r\n\x1a\n0000", b"PK\x03\x040000"
ELF, EXE, SCRIPT = b"\x7fELF\x02\x01", b"MZ\x90\x00\x03", b"#!/bin/sh\nrm -rf /\n"


def text_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def binary(said: str, content: bytes) -> dict[str, Any]:
    return {"resourceType": "Binary", "contentType": said, "data": text_of(content)}


def document(*files: tuple[str, bytes]) -> dict[str, Any]:
    attached = [{"attachment": {"contentType": said, "data": text_of(content)}} for said, content in files]
    return {"resourceType": "DocumentReference", "status": "current", "content": attached}


@pytest.mark.parametrize(
    ("said", "content"),
    [("application/pdf", PDF), ("application/pdf; version=1.7", b"\xef\xbb\xbf" + PDF), ("image/png", PNG), ("image/jpeg", b"\xff\xd8\xff\xe0"), ("image/jpg", b"\xff\xd8\xff\xe0"), ("text/plain", b"Bonjour"), ("text/xml", b"\xef\xbb\xbf<?xml version='1.0'?><a/>"),
     ("application/xml", "<a/>".encode("utf-16")), ("application/dicom", b"\0" * 128 + b"DICM"), ("application/zip", ZIP), ("application/octet-stream", b"\x01\x02"), ("application/x-of-a-maker", b"anything"), ("", b"x"), ("application/pdf", b"")],
)  # fmt: skip
def test_what_is_what_it_says_is_taken(said: str, content: bytes) -> None:
    assert contradiction(said, content) is None


@pytest.mark.parametrize(
    ("said", "content"),
    [("application/pdf", PNG), ("image/png", PDF), ("image/png", b"<svg onload='x'/>"), ("application/pdf", b"<html><script>x</script>"), ("application/zip", PDF), ("text/xml", b"%PDF-1.7"), ("application/pdf", EXE), ("text/plain", ELF), ("text/plain", SCRIPT),
     ("application/octet-stream", EXE), ("application/x-msdownload", b"x"), ("application/x-sh", b"echo"), ("application/java-archive", ZIP), ("image/gif", b"GIF88a")],
)  # fmt: skip
async def test_a_file_that_is_another_or_a_program_is_refused_with_its_place(access: Access, said: str, content: bytes) -> None:
    for resource, place in (
        (binary(said, content), "Binary"),
        (document(("text/plain", b"x"), (said, content)), "DocumentReference.content[1].attachment"),
    ):
        with pytest.raises(Unprocessable) as refused:
            async with access.act(SEED) as ctx:
                await ctx.records.write(resource)
        assert refused.value.issues[0].expression == place
        assert said in refused.value.message


def limited(database: Database, tmp_path: Any, clock: FixedClock, **limits: Any) -> Access:
    return Access(database, store=Store(), files=LocalFiles(tmp_path), clock=clock, uploads=Uploads(**limits))


@pytest.mark.parametrize(
    ("limits", "files", "fault"),
    [
        ({"longest": 10}, [("text/plain", b"0" * 11)], TooLarge),
        ({"most": 2}, [("text/plain", b"0")] * 3, TooLarge),
        ({"types": frozenset({"application/pdf"})}, [("application/pdf", PDF), ("text/plain", b"0")], Unsupported),
    ],
)
async def test_the_operators_limits_hold(
    database: Database, tmp_path: Any, clock: FixedClock, limits: Any, files: Any, fault: type[MaillageError]
) -> None:
    access = limited(database, tmp_path, clock, **limits)
    with pytest.raises(fault):
        async with access.act(SEED) as ctx:
            await ctx.records.write(document(*files))
    async with access.act(SEED) as ctx:
        assert await ctx.records.write(document(*[("application/pdf", PDF[:10])]))
        assert await ctx.records.find("DocumentReference", {"status": "current"})


async def test_a_file_of_the_greatest_length_passes_whatever_its_padding(
    database: Database, tmp_path: Any, clock: FixedClock
) -> None:
    for length in (10, 11, 12):
        access = limited(database, tmp_path, clock, longest=length)
        async with access.act(SEED) as ctx:
            await ctx.records.write(binary("text/plain", b"0" * length))
        with pytest.raises(TooLarge):
            async with access.act(SEED) as ctx:
                await ctx.records.write(binary("text/plain", b"0" * (length + 1)))


async def test_a_file_deep_in_a_resource_or_contained_is_found(access: Access) -> None:
    hidden = {"contentType": "image/png", "data": text_of(EXE)}
    basic: dict[str, Any] = {"resourceType": "Basic", "code": {"text": "x"}}
    for resource in (
        basic | {"extension": [{"url": "urn:x", "valueAttachment": hidden}]},
        basic | {"contained": [{"resourceType": "Binary", "id": "b", **hidden}], "subject": {"reference": "#b"}},
        {"resourceType": "Patient", "photo": [{"title": "x"}, hidden]},
    ):
        with pytest.raises(Unprocessable):
            async with access.act(SEED) as ctx:
                await ctx.records.write(resource)


async def test_the_door_tells_the_place_of_a_file_that_is_refused(platform: Any, access: Access) -> None:
    app = create_app(platform, fhir_routes())
    async with await client_of(app, access, MACHINE, accept="application/fhir+json") as client:
        answer = await client.post("/fhir/Binary", content=EXE, headers={"content-type": "application/pdf"})
        assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (422, ["Binary"])
        assert (await client.post("/fhir/Binary", content=PDF, headers={"content-type": "application/pdf"})).status_code == 201


def test_a_letter_that_carries_a_program_is_refused_and_one_with_an_odd_image_is_not() -> None:
    uploads = Uploads(longest=100)
    uploads.check_carried("image/jpeg", PNG, "component")
    for said, content, fault in (("application/pdf", EXE, Unprocessable), ("text/plain", b"0" * 101, TooLarge)):
        with pytest.raises(fault):
            uploads.check_carried(said, content, "component")
