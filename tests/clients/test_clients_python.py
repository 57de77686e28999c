"""Python clients that nobody here wrote, against a running server: fhirpy and fhirclient."""

import asyncio
from typing import Any

import pytest

from tests.clients.conftest import Served

LOINC = "http://loinc.org"


async def test_fhirpy_writes_finds_pages_and_deletes(served: Served) -> None:
    """`count()` sends `_totalMethod`, which R4 does not have and no search takes: such a client asks for lenient handling.

    Its `patch()` sends a JSON merge patch, which R4 does not have either: what was changed is saved whole.
    """
    fhirpy = pytest.importorskip("fhirpy", reason="the client fhirpy is not installed")
    lenient = {"Prefer": "handling=lenient"}
    client = fhirpy.AsyncFHIRClient(served.base, authorization=f"Bearer {served.token}", extra_headers=lenient)
    patient = client.resource("Patient", name=[{"family": "Pat-Trois", "given": ["Dominique"]}], birthDate="1950-02-03")
    await patient.save()
    assert patient["meta"]["versionId"] == "1"
    for day in range(1, 6):
        await _observation(client, patient, f"2024-03-0{day}").create()

    found = await client.resources("Patient").search(name="pat", birthdate="1950-02").fetch()
    assert [one.id for one in found] == [patient.id]
    every = client.resources("Observation").search(patient=patient.id).sort("-date").limit(2)
    assert [one["effectiveDateTime"][-1] for one in await every.fetch_all()] == ["5", "4", "3", "2", "1"]
    assert await client.resources("Observation").search(patient=patient.id, date__ge="2024-03-03").count() == 3

    patient["gender"] = "female"
    await patient.save()
    assert (await client.get("Patient", patient.id))["gender"] == "female"
    whole = await client.execute(f"Patient/{patient.id}/$everything", method="get")
    assert len(whole["entry"]) == 6
    assert await patient.is_valid()
    for one in await every.fetch_all():
        await one.delete()
    await patient.delete()
    with pytest.raises(fhirpy.base.exceptions.ResourceNotFound):
        await client.get("Patient", patient.id)


async def test_fhirpy_is_told_what_is_wrong(served: Served) -> None:
    fhirpy = pytest.importorskip("fhirpy", reason="the client fhirpy is not installed")
    client = fhirpy.AsyncFHIRClient(served.base, authorization=f"Bearer {served.token}")
    with pytest.raises(fhirpy.base.exceptions.OperationOutcome) as told:
        await client.resource("Patient", birthDate="2023-02-30").save()
    assert "Patient.birthDate" in str(told.value.resource)
    with pytest.raises(fhirpy.base.exceptions.OperationOutcome) as told:
        await client.resources("Patient").search(name="x").count()
    assert "_totalMethod" in str(told.value.resource)


def _observation(client: Any, patient: Any, at: str) -> Any:
    code = {"coding": [{"system": LOINC, "code": "8867-4"}]}
    return client.resource("Observation", status="final", code=code, subject=patient.to_reference(), effectiveDateTime=at)


async def test_fhirclient_reads_writes_and_searches_with_its_own_models(served: Served) -> None:
    pytest.importorskip("fhirclient", reason="the client fhirclient is not installed")
    await asyncio.to_thread(_with_fhirclient, served)


def _with_fhirclient(served: Served) -> None:
    """Its models are strict: an element of another type than R4 says raises FHIRValidationError as it is read."""
    from fhirclient.client import FHIRClient
    from fhirclient.models.bundle import Bundle
    from fhirclient.models.observation import Observation
    from fhirclient.models.patient import Patient
    from fhirclient.server import FHIRNotFoundException

    smart = FHIRClient(settings={"app_id": "test", "api_base": served.base})
    server = smart.server
    server.session.headers["Authorization"] = f"Bearer {served.token}"
    assert server.capabilityStatement.fhirVersion == "4.0.1"

    patient = Patient({"name": [{"family": "Pat-Trois"}], "birthDate": "1950-02-03"})
    id = patient.create(server)["id"]
    code = {"coding": [{"system": LOINC, "code": "8867-4"}]}
    for day in range(1, 4):
        at = f"2024-03-0{day}T10:00:00+01:00"
        content = {"status": "final", "code": code, "subject": {"reference": f"Patient/{id}"}, "effectiveDateTime": at}
        Observation(content).create(server)

    stored = Patient.read(id, server)
    assert stored.birthDate.isostring == "1950-02-03"
    stored.gender = "female"
    stored.update(server)
    assert Patient.read(id, server).gender == "female"

    search = Observation.where({"patient": id, "_count": "2", "_sort": "-date"})
    assert [one.effectiveDateTime.isostring[8:10] for one in search.perform_resources_iter(server)] == ["03", "02", "01"]
    included = Observation.where({"patient": id}).include("subject").perform_resources_iter(server)
    assert {one.resource_type for one in included} == {"Observation", "Patient"}

    whole = Bundle.read_from(f"Patient/{id}/$everything", server)
    assert len(whole.entry) == 4
    assert Bundle.read_from(f"Patient/{id}/_history", server).total == 2
    Observation.read(whole.entry[0].resource.id, server).delete()
    with pytest.raises(FHIRNotFoundException):
        Patient.read("nobody", server)
