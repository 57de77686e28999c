"""The operations of the FHIR door, over HTTP: what they take, what they answer, what they refuse."""

from typing import Any

import httpx
import pytest

from maillage.fhir.validation import validate
from tests.conformance.test_conformance_door import BASE, a_patient, an_observation, app, machine, send, told

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
