"""Documents received, received again, replaced in any order, withdrawn: what stands afterwards."""

import asyncio
import base64
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.context import Context
from maillage.errors import Conflict, Forbidden, Gone, Invalid, MaillageError, NotFound, Unprocessable
from maillage.services.documents import jobs, rules
from maillage.services.documents import public as documents
from maillage.services.documents.events import DocumentDeleted, DocumentReceived, DocumentReplaced
from maillage.services.documents.public import DocumentSummary, Origin, Received, Withdrawn
from maillage.services.documents.resources import cda, document_reference
from maillage.services.identity import public as identity
from maillage.services.identity.events import IdentityLinked
from tests.support.people import MACHINE, SEED, care_team, patient, professional

Resource = dict[str, Any]

GP = professional("gp", Role.GP)
OUTSIDER = professional("outsider")
ZOE = "zoe"
FROM_HOSPITAL = Origin(door="mllp", source="CHU-X (MDM T02)")


def letter(
    *,
    id: str = "1",
    replaces: str | None = None,
    family: str = "MARTIN",
    birth: str = "19500601",
    custodian: str = "1330000001",
    words: str = "Sortie ce jour.",
    author: str = "810100000001",
) -> bytes:
    """A level 3 letter about Zoé Martin; only what a test names differs."""
    parent = f'<relatedDocument typeCode="RPLC"><parentDocument><id root="1.2.3" extension="{replaces}"/></parentDocument></relatedDocument>'
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3" extension="{id}"/>
<code code="11490-0" codeSystem="2.16.840.1.113883.6.1" displayName="Lettre de liaison à la sortie"/><title>Lettre de sortie {id}</title>
<effectiveTime value="20261120101500+0100"/><confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><setId root="1.2.3.9"/>
<recordTarget><patientRole><id root="1.9.9" extension="IPP-7"/><patient><name><family qualifier="BR">{family}</family><given>ZOÉ</given>
<given qualifier="BR">ZOÉ</given></name><administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="{birth}"/>
</patient></patientRole></recordTarget><author><time value="20261120101500+0100"/><assignedAuthor>
<id root="1.2.250.1.71.4.2.1" extension="{author}"/><assignedPerson><name><family>EXEMPLE</family><given>Camille</given></name>
</assignedPerson></assignedAuthor></author><custodian><assignedCustodian><representedCustodianOrganization>
<id root="1.2.250.1.71.4.2.2" extension="{custodian}"/><name>CHU d'essai</name></representedCustodianOrganization></assignedCustodian></custodian>
{parent if replaces else ""}<component><structuredBody><component><section><title>Sortie</title><text><paragraph>{words}</paragraph></text>
</section></component></structuredBody></component></ClinicalDocument>""".encode()


def a_person(id: str = ZOE, *, family: str = "MARTIN") -> Resource:
    person = {
        "resourceType": "Patient",
        "id": id,
        "identifier": [{"system": "urn:oid:1.9.9", "value": "IPP-7"}],
        "name": [{"use": "official", "family": family, "given": ["ZOE"]}],
        "gender": "female",
        "birthDate": "1950-06-01",
    }
    return identity.as_regional(person, f"R-{id}")


@pytest.fixture
async def region(access: Access) -> Access:
    """Zoé Martin has a regional record; her GP is in her circle; the directory knows the author and the hospital."""
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            a_person(),
            care_team(ZOE, "Practitioner/gp"),
            {
                "resourceType": "Practitioner",
                "id": "author",
                "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "810100000001"}],
            },
            {
                "resourceType": "Organization",
                "id": "chu",
                "name": "CHU d'essai",
                "identifier": [{"system": "https://finess.esante.gouv.fr", "value": "330000001"}],
            },
        )
    return access


async def received(access: Access, content: bytes, origin: Origin = FROM_HOSPITAL) -> tuple[Received, tuple[Any, ...]]:
    async with access.act(MACHINE) as ctx:
        answer = await documents.receive(ctx, content, origin=origin)
        return answer, tuple(ctx.announced)


async def withdrawn(access: Access, content: bytes, origin: Origin = FROM_HOSPITAL) -> tuple[Withdrawn, tuple[Any, ...]]:
    async with access.act(MACHINE) as ctx:
        answer = await documents.withdraw(ctx, cda.parse(content), origin=origin)
        return answer, tuple(ctx.announced)


async def listed(ctx: Context) -> list[DocumentSummary]:
    """Her documents, as the actor of this context may see them."""
    return list((await documents.documents_of(ctx, ZOE)).documents)


async def record_of(access: Access, id: str, actor: Actor = SEED) -> Resource:
    async with access.act(actor) as ctx:
        return await ctx.records.read("DocumentReference", id)


async def test_a_letter_about_a_known_person_is_in_their_record_with_its_bytes(region: Access) -> None:
    content = letter()
    answer, events = await received(region, content)
    assert (answer.patient, answer.certain, answer.again) == (f"Patient/{ZOE}", True, False)
    async with region.act(GP) as ctx:
        assert await documents.original(ctx, answer.document) == content
        [shown] = await listed(ctx)
    assert (shown.title, shown.author, shown.organisation) == ("Lettre de sortie 1", "Camille EXEMPLE", "CHU d'essai")
    assert events == (
        DocumentReceived(
            document=answer.document,
            patient=ZOE,
            certain=True,
            type="11490-0",
            door="mllp",
            author="Practitioner/author",
            organization="Organization/chu",
        ),
    )


async def test_who_is_in_no_circle_of_hers_sees_nothing(region: Access) -> None:
    answer, _ = await received(region, letter())
    async with region.act(OUTSIDER) as ctx:
        assert await listed(ctx) == []
    with pytest.raises(NotFound):
        async with region.act(OUTSIDER) as ctx:
            await documents.original(ctx, answer.document)


async def test_a_letter_about_nobody_known_waits_for_the_steward_and_is_kept(region: Access) -> None:
    answer, [_, event] = await received(region, letter(family="INCONNUE"))
    assert not answer.certain
    assert answer.patient != f"Patient/{ZOE}"
    assert (event.document, event.certain) == (answer.document, False)
    assert (await record_of(region, answer.document))["subject"]["reference"] == answer.patient


async def test_a_letter_that_waited_is_told_once_a_steward_has_decided(region: Access) -> None:
    answer, [_, first] = await received(region, letter(family="INCONNUE"))
    source = answer.patient.removeprefix("Patient/")
    async with region.act(SEED) as ctx:
        await jobs.tell_what_waited(ctx, IdentityLinked(source=source, record=ZOE))
        [told] = ctx.announced
    assert told == msgspec.structs.replace(first, patient=ZOE, certain=True, door="identity")


async def test_the_same_letter_again_gets_the_same_answer_and_writes_nothing(region: Access) -> None:
    first, _ = await received(region, letter())
    again, events = await received(region, letter())
    assert (again.document, again.patient, again.again) == (first.document, first.patient, True)
    assert events == ()
    assert (await record_of(region, first.document))["meta"]["versionId"] == "1"


async def test_the_same_letter_by_two_doors_at_once_is_one_document(region: Access) -> None:
    answers = await asyncio.gather(*(received(region, letter()) for _ in range(4)))
    assert len({answer.document for answer, _ in answers}) == 1
    assert sorted(answer.again for answer, _ in answers) == [False, True, True, True]
    async with region.act(GP) as ctx:
        assert len(await listed(ctx)) == 1


async def test_a_letter_and_its_replacement_at_once_leave_one_current(region: Access) -> None:
    (old, _), (new, _) = await asyncio.gather(received(region, letter()), received(region, letter(id="2", replaces="1")))
    assert (await record_of(region, old.document))["status"] == "superseded"
    assert (await record_of(region, new.document))["status"] == "current"


async def test_other_bytes_under_the_same_unique_id_are_refused(region: Access) -> None:
    first, _ = await received(region, letter())
    with pytest.raises(Conflict, match="another document was already received"):
        await received(region, letter(words="Autre texte."))
    assert (await record_of(region, first.document))["meta"]["versionId"] == "1"


async def test_a_replacement_makes_the_old_letter_old(region: Access) -> None:
    old, _ = await received(region, letter())
    new, events = await received(region, letter(id="2", replaces="1"))
    assert (await record_of(region, old.document))["status"] == "superseded"
    record = await record_of(region, new.document)
    assert record["status"] == "current"
    assert record["relatesTo"][0]["target"]["reference"] == f"DocumentReference/{old.document}"
    assert DocumentReplaced(document=old.document, patient=ZOE, by=new.document) in events
    assert [e.replaces for e in events if isinstance(e, DocumentReceived)] == [old.document]
    async with region.act(GP) as ctx:
        assert [d.id for d in await listed(ctx)] == [new.document]


async def test_a_carrier_may_name_what_is_replaced(region: Access) -> None:
    old, _ = await received(region, letter())
    parent = cda.parse(letter()).header.id
    await received(region, letter(id="2"), Origin(door="mllp", replaces=(parent,)))
    assert (await record_of(region, old.document))["status"] == "superseded"


async def test_a_replaced_letter_that_comes_later_is_old_at_once_and_told_to_nobody(region: Access) -> None:
    new, _ = await received(region, letter(id="2", replaces="1"))
    assert new.notes == ("le document remplacé 1.2.3^1 n'a jamais été reçu",)
    late, events = await received(region, letter())
    assert (await record_of(region, late.document))["status"] == "superseded"
    assert [e for e in events if isinstance(e, DocumentReceived)] == []
    async with region.act(GP) as ctx:
        assert [d.id for d in await listed(ctx)] == [new.document]


async def test_another_establishment_replaces_and_withdraws_nothing(region: Access) -> None:
    old, _ = await received(region, letter())
    with pytest.raises(Forbidden, match="another establishment"):
        await received(region, letter(id="2", replaces="1", custodian="1750000002"))
    with pytest.raises(Forbidden, match="another establishment"):
        await withdrawn(region, letter(custodian="1750000002"))
    assert (await record_of(region, old.document))["status"] == "current"


async def test_a_withdrawn_letter_is_kept_and_no_longer_shown(region: Access) -> None:
    answer, _ = await received(region, letter())
    gone, events = await withdrawn(region, letter())
    assert gone == Withdrawn(document=answer.document, patient=f"Patient/{ZOE}")
    assert events == (DocumentDeleted(document=answer.document, patient=ZOE),)
    async with region.act(GP) as ctx:
        assert await listed(ctx) == []
    with pytest.raises(Gone):
        async with region.act(GP) as ctx:
            await documents.original(ctx, answer.document)
    async with region.act(SEED) as ctx:
        assert await ctx.files.get(hashlib.sha256(letter()).hexdigest()) == letter()
    again, events = await withdrawn(region, letter())
    assert (again.again, events) == (True, ())


async def test_a_withdrawn_letter_cannot_come_back(region: Access) -> None:
    await received(region, letter())
    await withdrawn(region, letter())
    with pytest.raises(Conflict, match="withdrawn by its author"):
        await received(region, letter())


async def test_what_was_never_received_cannot_be_withdrawn(region: Access) -> None:
    with pytest.raises(NotFound, match="never received"):
        await withdrawn(region, letter())


async def test_a_letter_is_withdrawn_only_for_the_person_it_is_about(region: Access) -> None:
    await received(region, letter())
    with pytest.raises(Unprocessable, match="another patient"):
        await withdrawn(region, letter(family="DUPONT"))


async def test_a_type_that_the_value_set_does_not_have_is_refused_at_its_place(region: Access) -> None:
    with pytest.raises(Unprocessable, match="not a document type of JDV_J07") as caught:
        await received(region, letter().replace(b"11490-0", b"99999-9"))
    assert caught.value.issues[0].expression == "ClinicalDocument/code"


async def test_a_letter_of_an_unknown_type_is_still_withdrawn(region: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """A revision of the value set may drop a type: what was received under it goes when its author says so."""
    await received(region, letter())
    monkeypatch.setattr(rules, "TYPES", {})
    _, events = await withdrawn(region, letter())
    assert [type(event) for event in events] == [DocumentDeleted]


async def test_a_message_about_another_person_than_its_document_is_refused_and_nothing_stays(region: Access) -> None:
    other = identity.claim_of(a_person("other", family="DURAND"))
    with pytest.raises(Unprocessable, match="two patients"):
        await received(region, letter(), Origin(door="mllp", claim=other))
    answer, _ = await received(region, letter())
    assert not answer.again


async def test_a_hidden_letter_is_seen_by_those_it_is_not_hidden_from(region: Access) -> None:
    answer, _ = await received(region, letter(), Origin(door="mllp", visibility=("INVISIBLE_PATIENT",)))
    async with region.act(GP) as ctx:
        assert [d.id for d in await listed(ctx)] == [answer.document]
    async with region.act(patient(ZOE)) as ctx:
        assert await listed(ctx) == []


def hidden(*codes: str) -> Origin:
    return Origin(door="mllp", visibility=codes)


async def test_a_letter_sent_again_with_another_visibility_is_seen_by_those_it_now_says(region: Access) -> None:
    first, _ = await received(region, letter(), hidden("INVISIBLE_PATIENT"))
    again, events = await received(region, letter(), hidden())
    assert (again.document, again.again, events) == (first.document, True, ())
    assert again.notes == ("document déjà reçu", "sa visibilité est mise à jour")
    async with region.act(patient(ZOE)) as ctx:
        assert [d.id for d in await listed(ctx)] == [first.document]
    await received(region, letter(), hidden("MASQUE_PS"))
    async with region.act(GP) as ctx:
        assert await listed(ctx) == []


async def test_a_letter_sent_again_without_a_word_of_its_visibility_stays_hidden(region: Access) -> None:
    first, _ = await received(region, letter(), hidden("INVISIBLE_PATIENT"))
    again, _ = await received(region, letter())
    assert again.notes == ("document déjà reçu",)
    assert (await record_of(region, first.document))["meta"]["versionId"] == "1"


async def test_a_document_store_that_is_full_leaves_nothing_behind(region: Access) -> None:
    class Full:
        async def put(self, content: bytes) -> str:
            raise documents_full

    documents_full = MaillageError("the document store is full")
    with pytest.raises(MaillageError, match="full"):
        async with region.act(MACHINE) as ctx:
            ctx.files = Full()  # type: ignore[assignment]
            await documents.receive(ctx, letter(), origin=FROM_HOSPITAL)
    answer, _ = await received(region, letter())
    assert not answer.again


# Through FHIR -------------------------------------------------------------------------------------------------------------


def posted(content: bytes, **more: Any) -> Resource:
    attachment = {"contentType": "text/xml", "data": base64.b64encode(content).decode()}
    return {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": attachment}], **more}


async def post(access: Access, resource: Resource) -> tuple[Resource, tuple[Any, ...]]:
    async with access.act(MACHINE, door="fhir") as ctx:
        written = await ctx.records.write(resource)
        return written, tuple(ctx.announced)


async def test_a_document_posted_through_fhir_is_completed_from_its_header(region: Access) -> None:
    record, events = await post(region, posted(letter()))
    assert record["subject"]["reference"] == f"Patient/{ZOE}"
    assert record["masterIdentifier"]["value"] == "1"
    assert record["type"]["coding"][0]["code"] == "11490-0"
    attachment = record["content"][0]["attachment"]
    assert "data" not in attachment
    assert attachment["url"] == f"Binary/{record['id']}"
    assert [(e.document, e.door) for e in events if isinstance(e, DocumentReceived)] == [(record["id"], "fhir")]
    async with region.act(GP) as ctx:
        assert await documents.original(ctx, record["id"]) == letter()


async def test_a_document_published_in_a_transaction_is_completed_from_its_binary(region: Access) -> None:
    """IHE MHD ITI-65: SubmissionSet, DocumentReference and Binary in one transaction."""
    binary = {"resourceType": "Binary", "contentType": "text/xml", "data": base64.b64encode(letter()).decode()}
    attachment = {"contentType": "text/xml", "url": "urn:uuid:0b5f8f0e-52f4-4f0c-9d3e-0f5a0f0d6f10"}
    reference = {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": attachment}]}
    entries = [
        {
            "fullUrl": "urn:uuid:1b5f8f0e-52f4-4f0c-9d3e-0f5a0f0d6f11",
            "resource": reference,
            "request": {"method": "POST", "url": "DocumentReference"},
        },
        {"fullUrl": attachment["url"], "resource": binary, "request": {"method": "POST", "url": "Binary"}},
    ]
    async with region.act(MACHINE, door="fhir") as ctx:
        await ctx.records.transaction({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    async with region.act(GP) as ctx:
        [shown] = await listed(ctx)
        assert shown.title == "Lettre de sortie 1"
        assert await documents.original(ctx, shown.id) == letter()


async def test_a_transaction_that_publishes_an_unsafe_document_writes_nothing(region: Access) -> None:
    bomb = letter(id="7").replace(b"<ClinicalDocument", b'<!DOCTYPE x [<!ENTITY a "b">]><ClinicalDocument', 1)
    entries = [
        {"resource": posted(letter()), "request": {"method": "POST", "url": "DocumentReference"}},
        {"resource": posted(bomb), "request": {"method": "POST", "url": "DocumentReference"}},
    ]
    with pytest.raises(Invalid, match="DOCTYPE"):
        async with region.act(MACHINE, door="fhir") as ctx:
            await ctx.records.transaction({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    async with region.act(GP) as ctx:
        assert await listed(ctx) == []


async def test_a_document_posted_twice_is_a_duplicate_that_names_the_first(region: Access) -> None:
    record, _ = await post(region, posted(letter()))
    with pytest.raises(Conflict, match=record["id"]):
        await post(region, posted(letter()))


async def test_a_document_put_again_under_its_id_changes_nothing(region: Access) -> None:
    record, _ = await post(region, posted(letter(), id="mine"))
    assert record["id"] == "mine"
    again, events = await post(region, posted(letter(), id="mine"))
    assert again["content"] == record["content"]
    assert events == ()
    with pytest.raises(Conflict):
        await post(region, posted(letter(id="9"), id="mine"))


async def test_a_subject_who_is_someone_else_is_refused(region: Access) -> None:
    async with region.act(SEED) as ctx:
        await ctx.records.write(a_person("paul", family="DURAND"))
    with pytest.raises(Unprocessable) as caught:
        await post(region, posted(letter(), subject={"reference": "Patient/paul"}))
    assert caught.value.issues[0].expression == "DocumentReference.subject"


async def test_an_unsafe_document_is_refused_at_the_fhir_door_too(region: Access) -> None:
    bomb = letter().replace(b"<ClinicalDocument", b'<!DOCTYPE x [<!ENTITY a "b">]><ClinicalDocument', 1)
    with pytest.raises(Invalid, match="DOCTYPE"):
        await post(region, posted(bomb))


async def test_the_record_of_an_original_is_not_rewritten_through_fhir(region: Access) -> None:
    record, _ = await post(region, posted(letter()))
    changed = {**record, "content": [{"attachment": {"contentType": "application/pdf", "url": "https://example.org/x.pdf"}}]}
    with pytest.raises(Unprocessable, match="content"):
        await post(region, changed)
    hidden = {**record, "description": "autre"}
    assert (await post(region, hidden))[0]["description"] == "autre"


async def test_nobody_names_the_bytes_of_another_document_as_those_of_theirs(region: Access) -> None:
    theirs, _ = await received(region, letter())
    digest = document_reference.digest_of(await record_of(region, theirs.document))
    named = {"identifier": [{"system": document_reference.SHA256, "value": digest}]}
    mine = {**posted(b"a note"), **named}
    for resource in (mine, {**mine, "id": "mine"}):
        with pytest.raises(Unprocessable):
            await post(region, resource)
    original = await record_of(region, theirs.document)
    with pytest.raises(Unprocessable):
        await post(region, {name: value for name, value in original.items() if name not in {"meta", "identifier"}})


async def test_a_document_deleted_or_withdrawn_through_fhir_is_announced(region: Access) -> None:
    first, _ = await post(region, posted(letter()))
    _, events = await post(region, {**first, "status": "entered-in-error"})
    assert DocumentDeleted(document=first["id"], patient=ZOE) in events
    second, _ = await post(region, posted(letter(id="2")))
    async with region.act(MACHINE, door="fhir") as ctx:
        await ctx.records.delete("DocumentReference", second["id"])
        assert DocumentDeleted(document=second["id"], patient=ZOE) in ctx.announced


async def test_what_is_no_cda_is_left_to_fhir(region: Access) -> None:
    pdf = {"contentType": "application/pdf", "data": base64.b64encode(b"%PDF-1.7").decode()}
    resource = {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": pdf}]}
    record, events = await post(region, {**resource, "subject": {"reference": f"Patient/{ZOE}"}})
    assert record["content"] == [{"attachment": pdf}]
    assert events == ()


@pytest.mark.conformance
async def test_every_official_document_is_received(access: Access, shared_data: Path) -> None:
    for folder in ("cda/selection", "tddui", "hl7v2/vague-2/RIS"):
        for file in sorted((shared_data / folder).glob("*.xml")):
            if file.name in {"suppression_cr_imagerie.xml", "CDA_TDDUI_Exemple_v1.1.0.xml"}:
                continue  # the same unique id as another file of the folder
            answer, _ = await received(access, file.read_bytes())
            async with access.act(SEED) as ctx:
                assert await documents.original(ctx, answer.document) == file.read_bytes(), file.name


@pytest.mark.conformance
async def test_two_official_exports_with_one_unique_id_cannot_both_be_the_document(access: Access, shared_data: Path) -> None:
    await received(access, (shared_data / "tddui/CDA_TDDUI_Exemple_v1.0.1.xml").read_bytes())
    with pytest.raises(Conflict):
        await received(access, (shared_data / "tddui/CDA_TDDUI_Exemple_v1.1.0.xml").read_bytes())
