"""Operations as entries of a batch or transaction: what an address answers alone, it answers there; what is refused says where."""

from typing import Any

import httpx
import pytest

from maillage.access.access import Access
from maillage.fhir.validation import validate
from tests.conformance.test_conformance_door import FHIR, a_patient, app, machine, send
from tests.conformance.test_conformance_operations import letter, measured, names, parameters, record
from tests.support.pages import client_of
from tests.support.people import care_team, carer

__all__ = ["app", "letter", "machine", "record"]

LABEL = {"system": "urn:x", "code": "red"}
ADD = parameters(meta={"tag": [LABEL]})


def entry(method: str, url: str, resource: Any = None, **more: str) -> dict[str, Any]:
    return {"request": {"method": method, "url": url, **more}} | ({} if resource is None else {"resource": resource})


def bundle(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


async def answered(client: httpx.AsyncClient, kind: str, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await send(client, "POST", "", bundle(kind, *entries))
    assert answer.status_code == 200, answer.text
    validate(answer.json())
    found: list[dict[str, Any]] = answer.json()["entry"]
    return found


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_an_operation_answers_in_a_bundle_what_it_answers_alone(record: httpx.AsyncClient, kind: str) -> None:
    for id in ("w1", "w2"):
        await send(record, "PUT", f"/Observation/{id}", measured(id, f"2024-01-0{id[1]}", "weight"))
    wrong = a_patient(gender="of the east")
    asked = [
        ("GET", "Observation/$lastn?patient=p&code=weight", None),
        ("GET", "Observation/$lastn?patient=p&code=weight&max=2&_elements=status", None),
        ("POST", "Observation/$lastn", parameters(patient="p", code="weight")),
        ("GET", "Patient/p/$meta", None),
        ("POST", "Patient/$validate", wrong),
        ("POST", "Patient/$validate?mode=create", parameters(resource=a_patient())),
        ("POST", "Patient/p/$validate?mode=delete", None),
        ("GET", "Patient/p/$validate", None),
        ("POST", "Patient/p/$everything", parameters(_type="Observation,Patient", _count="2")),
    ]
    alone = [(await send(record, method, f"/{url}", body)).json() for method, url, body in asked]
    found = await answered(record, kind, *(entry(*one) for one in asked))
    assert [one["resource"] for one in found] == alone
    assert {one["response"]["status"] for one in found} == {"200 OK"}
    assert alone[4]["issue"][0]["expression"] == ["Patient.gender"]
    assert (await send(record, "GET", "/Patient/p")).json()["meta"]["versionId"] == "1"


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_a_document_is_assembled_and_stored_by_an_entry(letter: httpx.AsyncClient, kind: str) -> None:
    shown, made = await answered(
        letter, kind, entry("GET", "Composition/c/$document"), entry("POST", "Composition/$document", parameters(id="c", persist="true"))
    )  # fmt: skip
    assert names(shown["resource"]) == {"Composition/c", "Patient/p", "Practitioner/d", "Observation/01", "Observation/02"}
    assert (shown["response"], made["response"]["status"]) == ({"status": "200 OK"}, "201 Created")
    assert (await send(letter, "GET", f"/{made['response']['location']}")).json() == made["resource"]


async def test_labels_are_added_in_a_batch_and_by_their_version(record: httpx.AsyncClient) -> None:
    stale, done, shown = await answered(
        record, "batch", entry("POST", "Observation/01/$meta-add", ADD, ifMatch='W/"7"'), entry("POST", "Observation/01/$meta-add", ADD), entry("GET", "Observation/01/$meta")
    )  # fmt: skip
    assert (stale["response"]["status"], done["response"]["status"]) == ("412", "200 OK")
    assert done["resource"]["parameter"][0]["valueMeta"]["tag"] == [LABEL]
    assert shown["resource"] == done["resource"]


async def test_an_operation_sees_what_its_transaction_writes(record: httpx.AsyncClient) -> None:
    shown, _ = await answered(
        record, "transaction", entry("GET", "Patient/p/$meta"), entry("PUT", "Patient/p", a_patient(id="p", gender="male"))
    )
    assert shown["resource"]["parameter"][0]["valueMeta"]["versionId"] == "2"


@pytest.mark.parametrize(
    ("method", "url", "status", "place", "words"),
    [
        ("GET", "Observation/$lastn?code=x", "400", "Bundle.entry[1].request.url", "one patient"),
        ("GET", "Observation/$lastn?patient=p&code=x&max=0", "400", "Bundle.entry[1].request.url", "max: "),
        ("GET", "Patient/p/$everything?walk=x", "400", "Bundle.entry[1].request.url", "walk: unknown"),
        ("POST", "Patient/$validate?mode=walk", "400", "Bundle.entry[1].request.url", "mode: "),
        ("GET", "Composition/$document?id=a/b", "400", "Bundle.entry[1].request.url", "id: "),
        ("GET", "Patient/nobody/$meta", "404", "Bundle.entry[1]", "Patient/nobody"),
        ("GET", "Patient/p/$walk", "404", "Bundle.entry[1].request.url", "there are $everything, $validate, $meta"),
        ("GET", "Wizard/$lastn", "404", "Bundle.entry[1].request.url", "none"),
        ("POST", "$validate", "404", "Bundle.entry[1].request.url", "none"),
        ("GET", "Patient/$lastn", "404", "Bundle.entry[1].request.url", "$validate"),
        ("GET", "Patient/p/$meta-add", "405", "Bundle.entry[1].request.method", "POST"),
        ("POST", "Patient/$validate", "400", "Bundle.entry[1].resource", "is needed"),
        ("DELETE", "Patient/$validate", "405", "Bundle.entry[1].request.method", "GET or POST, not by DELETE"),
        ("PUT", "Patient/p/$walk", "404", "Bundle.entry[1].request.url", "there are $everything"),
    ],
)
async def test_what_no_operation_answers_is_refused_alone(
    record: httpx.AsyncClient, method: str, url: str, status: str, place: str, words: str
) -> None:
    good, bad = await answered(record, "batch", entry("GET", "Patient/p/$meta"), entry(method, url))
    issue = bad["response"]["outcome"]["issue"][0]
    assert (good["response"]["status"], bad["response"]["status"], issue["expression"]) == ("200 OK", status, [place])
    assert words in issue["diagnostics"]
    alone = await send(record, method, f"/{url}", {} if method == "PUT" else None)
    assert (str(alone.status_code), alone.json()["issue"][0]["diagnostics"]) == (status, issue["diagnostics"])


@pytest.mark.parametrize(
    ("url", "status"),
    [("Patient/p/$walk", 404), ("Patient/$walk", 404), ("$everything", 404), ("Patient/p", 405), ("Patient/p/Observation", 405)],
)
async def test_a_post_to_no_operation_tells_which_there_are(record: httpx.AsyncClient, url: str, status: int) -> None:
    answer = await send(record, "POST", f"/{url}", parameters())
    assert answer.status_code == status, answer.text
    assert ("there are" in answer.text) == (status == 404)


async def test_what_is_wrong_with_the_parameters_that_are_sent_is_so_in_the_resource(record: httpx.AsyncClient) -> None:
    asked = [
        entry("POST", "Observation/$lastn", parameters(patient="p", code="x", max="0")),
        entry("POST", "Observation/$lastn", {"resourceType": "Parameters", "parameter": [{}]}),
        entry("POST", "Patient/$validate?mode=walk", parameters(resource=a_patient())),
        entry("POST", "Patient/$validate", parameters(mode="walk", resource=a_patient())),
    ]
    found = [one["response"]["outcome"]["issue"][0]["expression"] for one in await answered(record, "batch", *asked)]
    places = ["resource", "resource.parameter[0].name", "request.url", "resource"]
    assert found == [[f"Bundle.entry[{n}].{place}"] for n, place in enumerate(places)]


async def test_what_a_document_lacks_is_told_in_a_batch(letter: httpx.AsyncClient) -> None:
    await send(letter, "DELETE", "/Observation/01")
    (refused,) = await answered(letter, "batch", entry("GET", "Composition/c/$document"))
    issue = refused["response"]["outcome"]["issue"][0]
    assert issue["expression"] == ["Bundle.entry[0].request.url"]
    assert issue["diagnostics"].startswith("Composition.section[0].entry[0].reference: ")


async def test_an_operation_that_writes_is_refused_in_a_transaction(record: httpx.AsyncClient) -> None:
    refused = await send(
        record, "POST", "", bundle("transaction", entry("PUT", "Patient/q", a_patient(id="q")), entry("POST", "Patient/p/$meta-add", ADD))
    )  # fmt: skip
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[1].request.url"]
    assert (await send(record, "GET", "/Patient/q")).status_code == 404


async def test_who_only_reads_asks_for_what_only_reads(app: Any, access: Access, record: httpx.AsyncClient) -> None:
    await send(record, "PUT", "/CareTeam/t", care_team("p", "RelatedPerson/c", id="t"))
    related = {"resourceType": "RelatedPerson", "id": "c", "patient": {"reference": "Patient/p"}}
    await send(record, "PUT", "/RelatedPerson/c", related)
    async with await client_of(app, access, carer("c"), accept=FHIR) as helper:
        checked, added, tried = await answered(
            helper, "batch", entry("POST", "Patient/$validate", a_patient()), entry("POST", "Patient/p/$meta-add", ADD), entry("POST", "Patient/$validate?mode=create", a_patient())
        )  # fmt: skip
        assert (checked["response"]["status"], added["response"]["status"]) == ("200 OK", "403")
        assert tried["resource"]["issue"][0]["code"] == "forbidden"
        assert (await send(helper, "POST", "", bundle("batch", entry("POST", "Patient", a_patient())))).status_code == 403
    assert (await send(record, "GET", "/Patient/p/$meta")).json()["parameter"][0]["valueMeta"]["versionId"] == "1"
