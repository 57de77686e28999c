"""Wounds: declared, measured and photographed in few taps, read by who cares for the person, and by nobody else."""

import io
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from httpx import Response
from PIL import Image
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.db import count_statements
from maillage.services.coordination import pages
from maillage.services.coordination.resources import wound as resources
from maillage.services.coordination.resources.constants import LOINC
from maillage.services.coordination.resources.wound import AREA, LENGTH, PANEL, WIDTH, slow
from tests.support.browser import HERE, PHONE, screen
from tests.support.people import NOON, SEED
from tests.support.photographs import jpeg

from .test_coordination_notebook import BOOK, GP, NORA, OTHER, Visitor, territory, visit

__all__ = ["territory", "visit"]
WOUNDS = "/patients/p/plaies"
STATEMENTS = 13
MASKED = {
    "system": "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument",
    "code": "MASQUE_PS",
}
NEW = {"siege": "heel-left", "type": "pressure", "stade": "II", "depuis": "2026-03-01"}


async def declared(nora: Visitor) -> str:
    answer = await nora.send(WOUNDS, WOUNDS, **NEW)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


async def looked(who: Visitor, wound: str, *photos: bytes, **fields: str) -> Response:
    text = (await who.client.get(wound)).text
    tokens = dict(reversed(re.findall(r'name="(csrf|envoi)" value="([\w-]+)"', text)))
    files = [("photo", (f"IMG_{place}.jpg", one, "image/jpeg")) for place, one in enumerate(photos)]
    return await who.client.post(
        wound, data={**tokens, **fields}, files=files or [("photo", ("", b"", "application/octet-stream"))]
    )


async def stored(access: Access, kind: str) -> list[dict[str, Any]]:
    async with access.act(SEED) as ctx:
        return await ctx.records.find(kind, {"patient": "Patient/p"} if kind != "Media" else {"subject": "Patient/p"})


async def test_a_wound_is_declared_measured_and_photographed(territory: None, visit: Any, access: Access) -> None:
    nora, gp = await visit(NORA), await visit(GP)
    wound = await declared(nora)
    sent = await looked(nora, wound, jpeg(gps=True), longueur="3", largeur="2,5", exsudat="low", remarque="Bords propres")
    assert sent.headers["location"] == f"{wound}?fait=mesure"
    page = (await gp.client.get(wound)).text
    assert "Escarre, talon gauche" in page
    assert "3 × 2,5" in page
    assert "7,5 cm²" in page
    assert "Bords propres" in page
    [observation] = await stored(access, "Observation")
    assert observation["focus"] == [{"reference": f"Condition/{wound.rpartition('/')[2]}"}]
    assert observation["code"]["coding"] == [{"system": LOINC, "code": PANEL}]
    [media] = await stored(access, "Media")
    assert observation["derivedFrom"] == [{"reference": f"Media/{media['id']}"}]
    assert media["bodySite"]["text"] == "Talon gauche"
    picture = await gp.client.get(f"/patients/p/photos/{media['id']}")
    assert (picture.status_code, picture.headers["content-type"], picture.headers["cache-control"]) == (
        200,
        "image/jpeg",
        "private, no-store",
    )
    assert dict(Image.open(io.BytesIO(picture.content)).getexif()) == {}
    small = await gp.client.get(f"/patients/p/photos/{media['id']}?petite")
    assert max(Image.open(io.BytesIO(small.content)).size) == 160


async def test_nobody_from_outside_sees_a_wound_or_its_picture(territory: None, visit: Any, access: Access) -> None:
    nora, other = await visit(NORA), await visit(OTHER)
    wound = await declared(nora)
    await looked(nora, wound, jpeg(), longueur="3", largeur="2")
    [media] = await stored(access, "Media")
    for path in (WOUNDS, wound, f"/patients/p/photos/{media['id']}", f"/patients/p/photos/{media['id']}?petite"):
        assert (await nora.client.get(path)).status_code == 200, path
        assert (await other.client.get(path)).status_code == 404, path
    assert (await nora.client.get(f"/patients/q/photos/{media['id']}")).status_code == 404, "the picture is of another record"
    assert (await nora.client.get(wound.replace("/p/", "/q/"))).status_code == 404
    refused = await other.client.post(wound, data={"longueur": "1", "largeur": "1"})
    assert refused.status_code in (403, 404)
    assert len(await stored(access, "Observation")) == 1


async def test_a_photograph_of_a_masked_note_is_hidden_with_it(territory: None, visit: Any, access: Access) -> None:
    nora, gp = await visit(NORA), await visit(GP)
    text = (await nora.client.get(BOOK)).text
    tokens = dict(reversed(re.findall(r'name="(csrf|envoi)" value="([\w-]+)"', text)))
    sent = await nora.client.post(
        BOOK, data={**tokens, "texte": "Rougeur", "type": "OBS"}, files=[("photo", ("a.jpg", jpeg(), "image/jpeg"))]
    )
    assert sent.status_code == 303, sent.text
    [media] = await stored(access, "Media")
    picture = f"/patients/p/photos/{media['id']}"
    assert f"{picture}?petite" in (await gp.client.get(BOOK)).text
    assert (await gp.client.get(picture)).status_code == 200
    async with access.act(SEED) as ctx:
        [note] = await ctx.records.find("DocumentReference", {"patient": "Patient/p"})
        await ctx.records.write({**note, "securityLabel": [{"coding": [MASKED]}]})
    assert (await gp.client.get(picture)).status_code == 404
    assert picture not in (await gp.client.get(BOOK)).text


async def test_a_note_is_withdrawn_with_its_photographs(territory: None, visit: Any, access: Access) -> None:
    nora = await visit(NORA)
    text = (await nora.client.get(BOOK)).text
    tokens = dict(reversed(re.findall(r'name="(csrf|envoi)" value="([\w-]+)"', text)))
    await nora.client.post(
        BOOK, data={**tokens, "texte": "Mauvaise personne", "type": "OBS"}, files=[("photo", ("a.jpg", jpeg(), "image/jpeg"))]
    )
    [media] = await stored(access, "Media")
    async with access.act(SEED) as ctx:
        [note] = await ctx.records.find("DocumentReference", {"patient": "Patient/p"})
    await nora.send(f"{BOOK}/{note['id']}/retirer", version=note["meta"]["versionId"])
    assert (await nora.client.get(f"/patients/p/photos/{media['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"longueur": "3"}, "La longueur et la largeur vont ensemble"),
        ({"longueur": "trois", "largeur": "2"}, "Indiquez un nombre de centimètres"),
        ({"longueur": "300", "largeur": "2"}, "60 cm au plus"),
        ({}, "Mesurez la plaie, ou prenez-la en photo"),
    ],
)
async def test_what_cannot_be_is_asked_again_and_nothing_is_written(
    territory: None, visit: Any, access: Access, fields: dict[str, str], words: str
) -> None:
    nora = await visit(NORA)
    wound = await declared(nora)
    answer = await looked(nora, wound, **fields)
    assert answer.status_code == 422
    assert words in answer.text
    assert await stored(access, "Observation") == []


async def test_a_file_that_is_no_photograph_keeps_what_was_typed_and_writes_nothing(
    territory: None, visit: Any, access: Access
) -> None:
    nora = await visit(NORA)
    wound = await declared(nora)
    answer = await looked(nora, wound, jpeg(), b"%PDF-1.7 a letter", longueur="3", largeur="2")
    assert answer.status_code == 422
    assert "n’est pas une photo" in answer.text
    assert 'value="3"' in answer.text
    assert (await stored(access, "Observation"), await stored(access, "Media")) == ([], [])
    many = await looked(nora, wound, *[jpeg()] * 5, longueur="3", largeur="2")
    assert (many.status_code, "4 photos au plus" in many.text) == (422, True)


async def test_the_same_form_sent_twice_is_one_measure(territory: None, visit: Any, access: Access) -> None:
    nora = await visit(NORA)
    wound = await declared(nora)
    tokens = dict(reversed(re.findall(r'name="(csrf|envoi)" value="([\w-]+)"', (await nora.client.get(wound)).text)))
    for _ in range(2):
        sent = await nora.client.post(
            wound, data={**tokens, "longueur": "3", "largeur": "2"}, files=[("photo", ("a.jpg", jpeg(), "image/jpeg"))]
        )
        assert sent.headers["location"] == f"{wound}?fait=mesure"
    assert (len(await stored(access, "Observation")), len(await stored(access, "Media"))) == (1, 1)


@pytest.mark.parametrize(
    ("change", "field"), [({"siege": "moon"}, "siege"), ({"type": ""}, "type"), ({"type": "leg"}, "stade"), ({"depuis": "2126-01-01"}, "depuis")]
)  # fmt: skip
async def test_a_wound_is_somewhere_and_something(
    territory: None, visit: Any, access: Access, change: dict[str, str], field: str
) -> None:
    answer = await (await visit(NORA)).send(WOUNDS, WOUNDS, **NEW | change)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert await stored(access, "Condition") == []


async def test_a_measure_in_error_leaves_the_curve_and_a_closed_wound_the_open_ones(
    territory: None, visit: Any, access: Access
) -> None:
    nora = await visit(NORA)
    wound = await declared(nora)
    await looked(nora, wound, longueur="30", largeur="2")
    await looked(nora, wound, longueur="3", largeur="2")
    wrong = next(one for one in await stored(access, "Observation") if one["component"][0]["valueQuantity"]["value"] == 30)
    id = wound.rpartition("/")[2]
    left = await nora.send(
        f"/patients/p/constantes/{wrong['id']}/erreur",
        wound,
        motif="virgule oubliée",
        version=wrong["meta"]["versionId"],
        plaie=id,
    )
    assert left.headers["location"] == wound
    page = (await nora.client.get(wound)).text
    assert "60 cm²" not in page
    assert "6 cm²" in page
    [condition] = await stored(access, "Condition")
    await nora.send(f"{wound}/fermer", wound, version=condition["meta"]["versionId"])
    assert "Fermée" in (await nora.client.get(WOUNDS)).text
    late = await nora.send(f"{wound}/fermer", wound, version=condition["meta"]["versionId"])
    assert late.status_code == 412


def looks(*sizes: tuple[int, str]) -> list[dict[str, Any]]:
    """Looks so many days before noon, so many centimetres each way."""
    return [
        {**resources.assessment_for(
            {LENGTH: Decimal(size), WIDTH: Decimal(1)}, wound="w", patient="p", site=None, drainage="", note="", photos=[], by=None, name="",
            at=NOON - timedelta(days=days),
        ), "id": f"o{place}"}
        for place, (days, size) in enumerate(sizes)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(30, "10"), (1, "9")], True),
        ([(30, "10"), (1, "7")], False),
        ([(20, "10"), (1, "9")], False),
        ([(60, "20"), (30, "10"), (1, "9")], True),
        ([], False),
    ],
    ids=["a tenth in a month", "three tenths", "not four weeks yet", "against four weeks ago", "never measured"],
)
def test_a_wound_that_does_not_close_is_said(sizes: list[tuple[int, str]], expected: bool) -> None:
    condition = resources.wound_for(kind="leg", site="leg-left", stage="", since="", patient="p", by=None, at=NOON) | {"id": "w"}
    [wound] = resources.wounds([condition], looks(*sizes))
    assert slow(wound, NOON) is expected


def test_what_an_editor_wrote_in_millimetres_is_read() -> None:
    """Without our codes, sizes in millimetres, no area of its own."""
    condition = {"resourceType": "Condition", "id": "w", "category": [{"coding": [resources.WOUND]}], "code": {"text": "Ulcère"}, "bodySite": [{"text": "Jambe"}]}  # fmt: skip
    theirs = {
        "resourceType": "Observation", "id": "o", "status": "final", "focus": [{"reference": "Condition/w"}], "effectiveDateTime": "2026-03-01T10:00:00+01:00",
        "component": [
            {"code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": {"value": Decimal(20), "unit": "mm", "code": "mm"}} for code in (LENGTH, WIDTH)
        ],
    }  # fmt: skip
    [wound] = resources.wounds([condition], [theirs])
    assert (wound.words, wound.site, wound.place) == ("Ulcère", "Jambe", None)
    assert wound.areas[0][1] == 4
    assert AREA == "89260-4"


async def test_the_pages_take_few_statements_whatever_was_measured(territory: None, visit: Any) -> None:
    nora = await visit(NORA)
    wound = await declared(nora)
    for size in range(1, 6):
        await looked(nora, wound, jpeg(), longueur=str(size), largeur="1")
    for path in (WOUNDS, wound):
        with count_statements() as counted:
            page = await nora.client.get(path)
        assert page.status_code == 200
        assert counted.statements <= STATEMENTS, (path, counted.statements)
        assert len(page.content) < 60_000


@pytest.mark.browser
async def test_a_wound_is_photographed_and_measured_on_a_phone(
    territory: None, application: Any, signed_in: Any, browser: Browser
) -> None:
    """A wound that is followed is measured and photographed in four taps from the constants, a note is photographed in three from the round (`journees.md`)."""
    app, headers = application(pages), await signed_in(NORA)
    window = await screen(browser, app, headers=headers, width=PHONE, scripts=False)
    await window.open(WOUNDS)
    await window.page.get_by_label("Type de plaie").select_option("Escarre")
    await window.page.get_by_label("Où, du côté de la personne").select_option("Sacrum")
    await window.page.get_by_role("button", name="Suivre cette plaie").click()
    await expect(window.page.get_by_text("Plaie suivie : mesurez-la")).to_be_visible()
    for size, picture in (("4", jpeg()), ("2", jpeg(colours=((222, 184, 160), (190, 90, 90))))):
        await window.page.get_by_label("Longueur en centimètres").fill(size)
        await window.page.get_by_label("Largeur en centimètres").fill("2")
        await window.page.get_by_label("Photos").set_input_files({"name": "IMG.jpg", "mimeType": "image/jpeg", "buffer": picture})
        await window.page.get_by_role("button", name="Enregistrer", exact=True).click()
        await expect(window.page.get_by_text("Mesure enregistrée.")).to_be_visible()
    await expect(window.page.get_by_role("img", name="Photo de la plaie le")).to_have_count(2)
    wound = window.page.url
    photo = {"name": "IMG.jpg", "mimeType": "image/jpeg", "buffer": jpeg()}
    for start, path, typed, said, most in (
        ("/patients/p/constantes", [("link", "Plaies"), ("link", "Escarre"), ("photo", "Photos"), ("button", "Enregistrer")], ("Longueur en", "Largeur en"), "Mesure enregistrée.", 4),
        ("/tournee", [("link", "Écrire"), ("photo", "Photos"), ("button", "Écrire au cahier")], ("Ce que vous avez vu ou fait",), "Note enregistrée.", 3),
    ):  # fmt: skip
        await window.page.goto(f"{HERE}{start}")
        taps = 0
        for kind, name in path:
            if kind == "photo":
                for field in typed:
                    await window.page.get_by_label(field).fill("2")
                async with window.page.expect_file_chooser() as chooser:
                    await window.page.get_by_label(name).click()
                await (await chooser.value).set_files(photo)
            else:
                await window.page.get_by_role("link" if kind == "link" else "button", name=name).first.click()
            taps += 1
        await expect(window.page.get_by_text(said)).to_be_visible()
        assert taps <= most
    looked_at = await screen(browser, app, headers=headers)
    await looked_at.open(wound)
    await expect(looked_at.page.get_by_role("img", name="Photo de la plaie le")).to_have_count(2)
    await looked_at.check("plaie")
    await looked_at.open(f"{HERE}{WOUNDS}")
    await looked_at.check("plaies")
