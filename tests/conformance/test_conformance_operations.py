"""The operations of the FHIR door, over HTTP: what they take, what they answer, what they refuse."""

from typing import Any

import httpx
import pytest

from maillage.access.access import Access
from maillage.db import Database
from maillage.fhir.validation import validate
from tests.conformance.test_conformance_door import BASE, FHIR, a_patient, an_observation, app, machine, send, told
from tests.support.pages import client_of
from tests.support.people import care_team, carer

__all__ = ["app", "machine"]


def parameters(**values: Any) -> dict[str, Any]:
    """A Parameters resource: a text is a valueString, an object with a type a resource."""
    listed = [
        {"name": name, "resource": value} if isinstance(value, dict) and "resourceType" in value
        else {"name": name, "valueMeta": value} if isinstance(value, dict)
        else {"name": name, "valueString": value}
        for name, value in values.items()
    ]  # fmt: skip
    return {"resourceType": "Parameters", "parameter": listed}


def names(bundle: dict[str, Any]) -> set[str]:
    return {f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in bundle.get("entry", [])}


# $everything


@pytest.fixture
async def record(machine: httpx.AsyncClient) -> httpx.AsyncClient:
    await send(machine, "PUT", "/Practitioner/d", {"resourceType": "Practitioner", "id": "d"})
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    encounter = {"status": "finished", "class": {"code": "IMP"}, "subject": {"reference": "Patient/p"}}
    await send(machine, "PUT", "/Encounter/e", {"resourceType": "Encounter", "id": "e", **encounter})
    for day in ("01", "02"):
        more = {
            "effectiveDateTime": f"2024-03-{day}",
            "encounter": {"reference": "Encounter/e"},
            "performer": [{"reference": "Practitioner/d"}],
        }
        await send(machine, "PUT", f"/Observation/{day}", an_observation("Patient/p", id=day, **more))
    return machine


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", {"Patient/p", "Encounter/e", "Observation/01", "Observation/02", "Practitioner/d"}),
        ("?_type=Observation,Patient", {"Patient/p", "Observation/01", "Observation/02"}),
        ("?_type=Observation&_type=Practitioner", {"Observation/01", "Observation/02", "Practitioner/d"}),
        ("?start=2024-03-02", {"Patient/p", "Encounter/e", "Observation/02", "Practitioner/d"}),
        ("?end=2024-03-01&_type=Observation", {"Observation/01"}),
        ("?_since=2099-01-01T00:00:00Z", set()),
    ],
)
async def test_everything_answers_what_is_chosen(record: httpx.AsyncClient, query: str, wanted: set[str]) -> None:
    answer = await send(record, "GET", f"/Patient/p/$everything{query}")
    assert answer.status_code == 200, answer.text
    validate(answer.json())
    assert names(answer.json()) == wanted


async def test_everything_is_asked_by_post_too_and_its_links_are_followed(record: httpx.AsyncClient) -> None:
    first = (await send(record, "POST", "/Patient/p/$everything", parameters(_type="Observation,Patient", _count="2"))).json()
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    rest = (await send(record, "GET", following.removeprefix(BASE))).json()
    assert names(first) | names(rest) == {"Patient/p", "Observation/01", "Observation/02"}
    assert [link["relation"] for link in rest["link"]] == ["self"]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize(
    "address",
    [
        "Patient/p/$everything", "Patient/p/$everything?_type=Observation,Patient&start=2024-03-02", "Patient/p/$everything?_count=2", "Encounter/e/$everything",
        "Patient/p/Observation?date=2024-03-02", "Patient/p/*", "Practitioner/d/Observation?_count=1", "?_type=Patient,Encounter", "Patient/p/*?_type=Observation",
    ],
)  # fmt: skip
async def test_an_entry_of_a_bundle_answers_what_its_address_does(record: httpx.AsyncClient, kind: str, address: str) -> None:
    alone = (await send(record, "GET", f"/{address}".replace("/?", "?"))).json()
    entry = {"request": {"method": "GET", "url": address}}
    bundle = (await send(record, "POST", "", {"resourceType": "Bundle", "type": kind, "entry": [entry]})).json()
    assert names(alone)
    assert bundle["entry"][0]["resource"] == alone


@pytest.mark.parametrize(
    ("address", "status", "place"),
    [
        ("Patient/p/$everything?wings=2", "400", "Bundle.entry[0].request.url"),
        ("Patient/p/$everything?_count=2&_count=3", "400", "Bundle.entry[0].request.url"),
        ("Patient/nobody/$everything", "404", "Bundle.entry[0]"),
        ("Location/l/Observation", "400", "Bundle.entry[0].request.url"),
        ("Patient/p/$walk", "404", "Bundle.entry[0].request.url"),
    ],
)
async def test_an_entry_that_asks_for_nothing_known_says_so(
    record: httpx.AsyncClient, address: str, status: str, place: str
) -> None:
    entry = {"request": {"method": "GET", "url": address}}
    bundle = (await send(record, "POST", "", {"resourceType": "Bundle", "type": "batch", "entry": [entry]})).json()
    response = bundle["entry"][0]["response"]
    assert (response["status"], response["outcome"]["issue"][0]["expression"]) == (status, [place])


async def test_everything_of_an_encounter(record: httpx.AsyncClient) -> None:
    found = (await send(record, "GET", "/Encounter/e/$everything")).json()
    assert names(found) == {"Patient/p", "Encounter/e", "Observation/01", "Observation/02", "Practitioner/d"}
    assert names((await send(record, "GET", "/Encounter/e/$everything?_type=Patient")).json()) == {"Patient/p"}
    assert (await send(record, "GET", "/Encounter/nowhere/$everything")).status_code == 404


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("_type=Wizard", "_type"), ("_type=", "_type"), ("_since=soon", "_since"), ("start=2023-02-30", "start"),
        ("start=2024-02-02&end=2024-02-01", "end"), ("_count=0", "_count"), ("_count=many", "_count"), ("_sort=date", "_sort"),
        ("_since=2024-01-01&_since=2024-01-02", "_since"), ("_cursor=1", "_cursor"),
    ],
)  # fmt: skip
async def test_everything_refuses_what_it_does_not_take(record: httpx.AsyncClient, query: str, place: str) -> None:
    for root in ("Patient/p", "Encounter/e"):
        refused = await send(record, "GET", f"/{root}/$everything?{query}")
        assert refused.status_code == 400, refused.text
        assert place in told(refused)


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Parameters", "parameter": "x"},
        {"resourceType": "Parameters", "parameter": [{"valueString": "x"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "_count"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "_count", "valueInteger": 1, "valueString": "1"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "_count", "valueString": ["1"]}]},
        {"resourceType": "Parameters", "parameter": [{"name": "_count", "valuePeriod": {}}]},
        {"resourceType": "Patient"},
    ],
)
async def test_what_are_no_parameters_is_refused(record: httpx.AsyncClient, body: dict[str, Any]) -> None:
    refused = await send(record, "POST", "/Patient/p/$everything", body)
    assert refused.status_code == 400, refused.text
    assert told(refused)


# $validate


def issues(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 200, answer.text
    validate(answer.json())
    return [(issue["severity"], issue.get("expression", [""])[0]) for issue in answer.json()["issue"]]


GOOD = [("information", "")]


async def test_a_resource_is_validated_as_it_is_or_as_a_parameter(machine: httpx.AsyncClient) -> None:
    wrong = a_patient(gender="of the east")
    for body in (wrong, parameters(resource=wrong)):
        assert issues(await send(machine, "POST", "/Patient/$validate", body)) == [("error", "Patient.gender")]
    assert issues(await send(machine, "POST", "/Patient/$validate", a_patient())) == GOOD
    assert (await send(machine, "GET", "/Patient")).json().get("entry") is None


async def test_what_is_stored_is_validated_where_nothing_is_sent(record: httpx.AsyncClient) -> None:
    assert issues(await send(record, "GET", "/Patient/p/$validate")) == GOOD
    assert issues(await send(record, "POST", "/Patient/p/$validate")) == GOOD
    assert (await send(record, "GET", "/Patient/nobody/$validate")).status_code == 404


async def test_a_write_is_tried_and_undone(record: httpx.AsyncClient) -> None:
    before = (await send(record, "GET", "/_history")).json()
    assert issues(await send(record, "POST", "/Patient/$validate?mode=create", a_patient())) == GOOD
    assert issues(await send(record, "POST", "/Patient/p/$validate?mode=update", a_patient(id="p", gender="male"))) == GOOD
    assert issues(await send(record, "POST", "/Patient/p/$validate?mode=delete")) == GOOD
    assert issues(await send(record, "POST", "/Patient/p/$validate", parameters(mode="delete"))) == GOOD
    assert (await send(record, "GET", "/_history")).json() == before
    assert (await send(record, "GET", "/Patient/p")).json()["meta"]["versionId"] == "1"


@pytest.mark.parametrize("path", ["/Patient/nobody", "/Observation/02", "/Patient/p"])
async def test_a_deletion_is_validated_as_it_would_be_answered(record: httpx.AsyncClient, path: str) -> None:
    await send(record, "DELETE", "/Observation/02")
    for headers in ({}, {"if_match": 'W/"7"'}):
        tried = await send(record, "POST", f"{path}/$validate?mode=delete", **headers)
        done = await send(record, "DELETE", path, **headers)
        assert (issues(tried) == GOOD) == (done.status_code == 204), (tried.text, done.text)


async def test_what_a_write_would_be_refused_for_is_told(record: httpx.AsyncClient) -> None:
    stale = await send(record, "POST", "/Patient/p/$validate?mode=update", a_patient(id="p"), if_match='W/"7"')
    assert issues(stale) == [("error", "")]
    assert "version 1, not 7" in told(stale)
    absent = await send(record, "POST", "/Patient/nobody/$validate?mode=delete", if_match='W/"1"')
    assert (issues(absent), "not there" in told(absent)) == ([("error", "")], True)
    assert "address" in told(await send(record, "POST", "/Patient/p/$validate?mode=update", a_patient(id="q")))
    assert issues(await send(record, "POST", "/Patient/$validate?mode=create", a_patient(gender="x"))) == [
        ("error", "Patient.gender")
    ]


async def test_a_write_that_is_only_tried_leaves_no_event_and_one_line_of_the_trail(
    record: httpx.AsyncClient, database: Database
) -> None:
    async def count(table: str) -> int:
        async with database.transaction() as conn:
            row = await (await conn.execute(f"select count(*) as n from {table}".encode())).fetchone()
        assert row is not None
        return int(row["n"])

    before = [await count("event"), await count("audit")]
    await send(record, "POST", "/Patient/p/$validate?mode=update", a_patient(id="p", gender="male"))
    assert [await count("event"), await count("audit")] == [before[0], before[1] + 1]
    async with database.transaction() as conn:
        line = await (
            await conn.execute(b"select action, type, id, query from audit order by at desc, chain, batch desc limit 1")
        ).fetchone()
    assert line == {"action": "E", "type": "Patient", "id": "p", "query": "$validate put"}


async def test_who_may_not_write_is_told_so(app: Any, access: Access, record: httpx.AsyncClient) -> None:
    await send(record, "PUT", "/CareTeam/t", care_team("p", "RelatedPerson/c", id="t"))
    await send(
        record, "PUT", "/RelatedPerson/c", {"resourceType": "RelatedPerson", "id": "c", "patient": {"reference": "Patient/p"}}
    )
    async with await client_of(app, access, carer("c"), accept=FHIR) as helper:
        answer = await send(helper, "POST", "/Patient/p/$validate?mode=update", a_patient(id="p"))
        assert answer.json()["issue"][0]["code"] == "forbidden"
        assert (
            await send(helper, "POST", "/Patient/p/$meta-add", parameters(meta={"profile": ["http://x.example/p"]}))
        ).status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/Patient/$validate", None, "resource"),
        ("/Patient/$validate?mode=think", a_patient(), "mode"),
        ("/Patient/$validate?mode=update", a_patient(), "mode"),
        ("/Patient/p/$validate?mode=create", a_patient(), "mode"),
        ("/Patient/$validate?mode=profile", a_patient(), "profile"),
        ("/Patient/$validate?profile=http://x.example/p", a_patient(), "profile"),
        ("/Patient/$validate?colour=red", a_patient(), "colour"),
        ("/Patient/$validate", {"resourceType": "Observation"}, "Parameters or Patient"),
        ("/Patient/$validate", parameters(resource={"resourceType": "Observation"}), "resource"),
        ("/Patient/$validate", parameters(resource="Patient"), "resource"),
    ],
)
async def test_a_validation_that_cannot_be_made_is_refused(machine: httpx.AsyncClient, path: str, body: Any, place: str) -> None:
    refused = await send(machine, "POST", path, body)
    assert refused.status_code == 400, refused.text
    assert place in told(refused)


async def test_the_type_itself_is_a_profile_and_others_are_said_to_be_unchecked(machine: httpx.AsyncClient) -> None:
    base = "http://hl7.org/fhir/StructureDefinition/Patient"
    claimed = a_patient(meta={"profile": ["http://x.example/p"]})
    answer = await send(machine, "POST", f"/Patient/$validate?mode=profile&profile={base}", claimed)
    assert issues(answer) == [*GOOD, *GOOD]
    assert "http://x.example/p" in told(answer)


# $meta


async def test_labels_are_shown_added_and_deleted(record: httpx.AsyncClient) -> None:
    async def meta(method: str, code: str, body: Any = None) -> dict[str, Any]:
        answer = await send(record, method, f"/Observation/01/${code}", body)
        assert answer.status_code == 200, answer.text
        validate(answer.json())
        found: dict[str, Any] = answer.json()["parameter"][0]["valueMeta"]
        return found

    red, blue = {"system": "urn:x", "code": "red"}, {"system": "urn:x", "code": "blue"}
    labels = {"profile": ["http://x.example/p"], "tag": [red, blue]}
    assert (await meta("GET", "meta"))["versionId"] == "1"
    added = await meta("POST", "meta-add", parameters(meta=labels))
    assert (added["versionId"], added["profile"], added["tag"]) == ("2", labels["profile"], [red, blue])
    again = await meta("POST", "meta-add", parameters(meta={"tag": [red | {"display": "Red"}]}))
    assert again == added
    left = await meta(
        "POST", "meta-delete", parameters(meta={"tag": [red | {"version": "1"}], "profile": ["http://x.example/p"]})
    )
    assert (left["versionId"], left["tag"], left.get("profile")) == ("3", [blue], None)
    assert (await send(record, "GET", "/Observation/01")).json()["meta"] == left == await meta("GET", "meta")
    assert names((await send(record, "GET", "/Observation?_tag=urn:x|blue")).json()) == {"Observation/01"}


async def test_labels_are_refused_where_they_are_none(record: httpx.AsyncClient) -> None:
    for body, place in (
        (None, "meta"), (parameters(meta={"versionId": "9"}), "meta"), (parameters(meta={"tag": "red"}), "Parameters.parameter[0]"),
        (parameters(meta="red"), "meta"), (parameters(label={"tag": []}), "Parameters.parameter[0]"),
    ):  # fmt: skip
        refused = await send(record, "POST", "/Observation/01/$meta-add", body)
        assert refused.status_code == 400, refused.text
        assert place in told(refused)
    stale = await send(record, "POST", "/Observation/01/$meta-add", parameters(meta={"profile": ["http://x"]}), if_match='W/"4"')
    assert stale.status_code == 412
    assert (await send(record, "GET", "/Observation/none/$meta")).status_code == 404
    assert (await send(record, "GET", "/Observation/01/$meta-add")).status_code == 405


async def test_profiles_that_carry_extensions_are_not_shifted(record: httpx.AsyncClient) -> None:
    said = {
        "profile": ["http://x.example/p", "http://x.example/q"],
        "_profile": [None, {"extension": [{"url": "urn:x", "valueString": "of q"}]}],
    }
    assert (await send(record, "PUT", "/Observation/01", an_observation("Patient/p", id="01", meta=said))).status_code == 200
    refused = await send(record, "POST", "/Observation/01/$meta-delete", parameters(meta={"profile": ["http://x.example/p"]}))
    assert refused.status_code == 422, refused.text


# $lastn


def measured(id: str, at: str | None, *codes: str, text: str = "") -> dict[str, Any]:
    code = {"coding": [{"system": "urn:c", "code": one} for one in codes]} if codes else {"text": text}
    category = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}]
    dated = {"effectiveDateTime": at} if at else {}
    return an_observation("Patient/p", id=id, code=code, category=category, **dated)


async def last(client: httpx.AsyncClient, query: str) -> list[str]:
    answer = await send(client, "GET", f"/Observation/$lastn?{query}")
    assert answer.status_code == 200, answer.text
    validate(answer.json())
    return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]


async def test_the_last_of_each_code_come_newest_first(machine: httpx.AsyncClient) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    for resource in (
        measured("w1", "2024-01-01", "weight"), measured("w2", "2024-01-05", "weight"), measured("w3", "2024-01-09", "weight"),
        measured("h1", "2024-01-02", "height"), measured("h0", None, "height"),
        measured("t1", "2024-01-03", text="as said"), measured("t2", "2024-01-04", text="As said"),
        measured("tie1", "2024-01-06T08:00:00Z", "bp"), measured("tie2", "2024-01-06T09:00:00+01:00", "bp"),
    ):  # fmt: skip
        await send(machine, "PUT", f"/Observation/{resource['id']}", resource)
    assert await last(machine, "patient=p&category=vital-signs") == ["w3", "tie2", "tie1", "t2", "t1", "h1"]
    assert await last(machine, "patient=p&category=vital-signs&max=2") == ["w3", "tie2", "tie1", "w2", "t2", "t1", "h1", "h0"]
    assert await last(machine, "subject=Patient/p&code=weight&date=lt2024-01-09&max=1") == ["w2"]
    assert await last(machine, "patient=p&code=nothing") == []
    asked = parameters(patient="p", code="weight", max="1")
    assert names((await send(machine, "POST", "/Observation/$lastn", asked)).json()) == {"Observation/w3"}


async def test_translations_of_a_code_are_one_group(machine: httpx.AsyncClient) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p"))
    for resource in (measured("a", "2024-01-03", "a"), measured("b", "2024-01-02", "b"), measured("ab", "2024-01-01", "a", "b")):
        await send(machine, "PUT", f"/Observation/{resource['id']}", resource)
    assert await last(machine, "patient=p&code=a,b") == ["a"]
    assert await last(machine, "patient=p&code=a,b&max=2") == ["a", "b"]


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("code=x", "patient"), ("subject:Patient.family=x&code=x", "patient"), ("patient:missing=false&code=x", "patient"), ("patient=p,q&code=x", "patient"), ("patient=p&subject=Patient/p&code=x", "patient"),
        ("patient=p", "category"), ("patient=p&code=x&max=0", "max"), ("patient=p&code=x&max=1&max=2", "max"),
        ("patient=p&code=x&_count=3", "_count"), ("patient=p&code=x&_sort=date", "_sort"), ("patient=p&code=x&colour=red", "colour"),
        ("patient=p&code=x&_include=Observation:subject", "_include"),
    ],
)  # fmt: skip
async def test_lastn_refuses_what_it_does_not_take(machine: httpx.AsyncClient, query: str, place: str) -> None:
    refused = await send(machine, "GET", f"/Observation/$lastn?{query}")
    assert refused.status_code == 400, refused.text
    assert place in told(refused)


# $document


@pytest.fixture
async def letter(record: httpx.AsyncClient) -> httpx.AsyncClient:
    composition = {
        "resourceType": "Composition", "id": "c", "status": "final", "type": {"text": "Lettre"}, "date": "2024-03-03", "title": "Lettre",
        "subject": {"reference": "Patient/p"}, "author": [{"reference": "Practitioner/d"}],
        "section": [{"title": "Mesures", "entry": [{"reference": f"{BASE}/Observation/01"}, {"reference": "Observation/02/_history/1"}]}],
    }  # fmt: skip
    assert (await send(record, "PUT", "/Composition/c", composition)).status_code == 201
    return record


async def test_a_document_is_its_composition_and_all_that_it_names(letter: httpx.AsyncClient) -> None:
    await send(letter, "PUT", "/Observation/02", an_observation("Patient/p", id="02", note=[{"text": "later"}]))
    answer = await send(letter, "GET", "/Composition/c/$document")
    assert answer.status_code == 200, answer.text
    document = answer.json()
    validate(document)
    assert document["type"] == "document"
    assert document["entry"][0]["resource"]["resourceType"] == "Composition"
    assert names(document) == {"Composition/c", "Patient/p", "Practitioner/d", "Observation/01", "Observation/02"}
    versions = {entry["resource"]["id"]: entry["resource"]["meta"]["versionId"] for entry in document["entry"]}
    assert versions["02"] == "1"
    for same in ("?id=c", f"?id={BASE}/Composition/c"):
        assert names((await send(letter, "GET", f"/Composition/$document{same}")).json()) == names(document)


async def test_a_document_is_stored_when_that_is_asked(letter: httpx.AsyncClient) -> None:
    made = await send(letter, "POST", "/Composition/c/$document?persist=true")
    assert made.status_code == 201, made.text
    stored = await send(letter, "GET", made.headers["location"].removeprefix(BASE))
    assert stored.json()["type"] == "document"
    assert (await send(letter, "GET", "/Composition/c/$document?persist=true")).status_code == 400


async def test_a_document_that_would_not_be_whole_is_refused(letter: httpx.AsyncClient) -> None:
    await send(letter, "DELETE", "/Observation/01")
    refused = await send(letter, "GET", "/Composition/c/$document")
    assert refused.status_code == 422, refused.text
    assert "Composition.section[0].entry[0].reference" in told(refused)
    whole = (await send(letter, "GET", "/Composition/c")).json()
    whole["section"][0]["entry"] = [{"reference": "http://elsewhere.example/fhir/Observation/1"}]
    await send(letter, "PUT", "/Composition/c", whole)
    assert "elsewhere.example" in told(await send(letter, "GET", "/Composition/c/$document"))


@pytest.mark.parametrize(
    "query", ["/c/$document?id=c", "/$document", "/$document?id=a/b", "/c/$document?persist=maybe", "/c/$document?graph=x"]
)
async def test_a_document_of_nothing_is_refused(letter: httpx.AsyncClient, query: str) -> None:
    assert (await send(letter, "GET", f"/Composition{query}")).status_code == 400
    assert (await send(letter, "GET", "/Composition/nothing/$document")).status_code == 404
