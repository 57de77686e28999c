"""Bundles: a transaction wholly or not at all, a batch entry by entry, references put right."""

import asyncio
from typing import Any

import pytest

from maillage.db import Database, count_statements
from maillage.errors import Conflict, Invalid, MaillageError, NotFound, PreconditionFailed
from maillage.fhir.bundle import StoreDoor, process
from maillage.fhir.bundle.references import conditional, relative, rewritten
from maillage.fhir.change import Change, Verb
from maillage.fhir.scope import Scope
from maillage.fhir.store import Store

Resource = dict[str, Any]
STORE = Store()
INS = "urn:oid:1.2.250.1.213.1.4.8"
MOTHER = "urn:uuid:11111111-1111-4111-8111-111111111111"


def entry(method: str, url: str, resource: Resource | None = None, full_url: str | None = None, **request: Any) -> Resource:
    made: Resource = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        made["resource"] = resource
    if full_url:
        made["fullUrl"] = full_url
    return made


def a_patient(family: str = "Martin", ins: str = "", **more: Any) -> Resource:
    identifier = {"identifier": [{"system": INS, "value": ins}]} if ins else {}
    return {"resourceType": "Patient", "name": [{"family": family}], **identifier, **more}


def an_observation(subject: str, **more: Any) -> Resource:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": subject}, **more}


async def run(database: Database, kind: str, *entries: Resource) -> list[Resource]:
    async with database.transaction() as conn:
        door = StoreDoor(conn, Scope.all(), STORE)
        answer = await process({"resourceType": "Bundle", "type": kind, "entry": list(entries)}, door, base="http://here/fhir")
    assert answer["type"] == f"{kind}-response"
    found: list[Resource] = answer["entry"]
    return found


async def get(database: Database, path: str) -> Resource:
    resource: Resource = (await run(database, "transaction", entry("GET", path)))[0]["resource"]
    return resource


def reference(answer: Resource) -> str:
    location: str = answer["response"]["location"]
    return location.partition("/_history")[0]


async def count(database: Database, kind: str) -> int:
    return len((await get(database, kind)).get("entry", []))


async def test_links_between_entries_are_rewritten_wherever_they_stand(database: Database) -> None:
    resource = an_observation(
        MOTHER,
        identifier=[{"system": "urn:ietf:rfc:3986", "value": MOTHER}],
        extension=[{"url": "http://x", "valueUri": MOTHER}, {"url": "http://y", "valueReference": {"reference": MOTHER}}],
        text={"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{MOTHER}">{MOTHER}</a></div>'},
        derivedFrom=[{"reference": f"{MOTHER}#part"}],
    )
    patient, observation = await run(
        database, "transaction", entry("POST", "Patient", a_patient(), MOTHER), entry("POST", "Observation", resource)
    )
    stored, to = await get(database, reference(observation)), reference(patient)
    assert stored["subject"] == {"reference": to}
    assert stored["extension"][0]["valueUri"] == to
    assert stored["extension"][1]["valueReference"] == {"reference": to}
    assert f'<a href="{to}">{MOTHER}</a>' in stored["text"]["div"]
    assert stored["derivedFrom"] == [{"reference": f"{to}#part"}]
    assert stored["identifier"] == resource["identifier"]


async def test_a_relative_reference_to_an_absolute_full_url_is_rewritten(database: Database) -> None:
    patient, observation = await run(
        database,
        "transaction",
        entry("POST", "Patient", a_patient(id="7"), "http://elsewhere/Patient/7"),
        entry("POST", "Observation", an_observation("Patient/7"), "http://elsewhere/Observation/1"),
    )
    assert (await get(database, reference(observation)))["subject"] == {"reference": reference(patient)}


def test_words_and_identifiers_that_look_like_a_link_stay() -> None:
    links = {"Patient/7": "Patient/new", MOTHER: "Patient/new"}
    resource = an_observation("Patient/7", note=[{"text": "Patient/7"}], identifier=[{"value": MOTHER}])
    resource["performer"] = [{"reference": "Patient/7", "display": "Patient/7"}]
    resource["extension"] = [{"url": "http://x", "valueString": "Patient/7"}, {"url": "http://y", "valueUri": "Patient/7"}]
    expected = {
        **resource,
        "subject": {"reference": "Patient/new"},
        "performer": [{"reference": "Patient/new", "display": "Patient/7"}],
        "extension": [resource["extension"][0], {"url": "http://y", "valueUri": "Patient/new"}],
    }
    assert rewritten(resource, links) == expected


def test_a_resource_without_links_is_left_as_it_is() -> None:
    resource = a_patient(link=[{"other": {"reference": "Patient/x"}}])
    assert rewritten(resource, {MOTHER: "Patient/1"}) is resource


def test_references_to_this_server_become_relative_wherever_they_stand_and_nothing_else_does() -> None:
    ours, words = "https://here/fhir/Patient/1", "see https://here/fhir/Patient/1"
    resource = {
        "resourceType": "Basic",
        "subject": {"reference": ours, "display": ours},
        "extension": [{"valueReference": {"reference": ours}}, {"valueString": words}, None, 3],
        "reference": ["https://here/fhir/Patient/1"],
    }
    found = relative(resource, "https://here/fhir")
    assert found["subject"] == {"reference": "Patient/1", "display": ours}
    assert found["extension"] == [{"valueReference": {"reference": "Patient/1"}}, {"valueString": words}, None, 3]
    assert found["reference"] == [ours]
    assert resource["subject"] == {"reference": ours, "display": ours}
    kept = {"resourceType": "Bundle", "entry": [{"resource": resource}]}
    assert relative(kept, "https://here/fhir") is kept
    assert relative(found, "https://here/fhir") is found


def test_conditional_references_are_found_at_any_depth() -> None:
    resource = {
        "subject": {"reference": "Patient?identifier=a|1"},
        "extension": [{"valueReference": {"reference": "Group?code=x"}}, {"valueReference": {"reference": "Patient/1"}}, None],
        "note": [{"text": "Patient?identifier=a|2"}],
    }
    assert sorted(conditional(resource)) == ["Group?code=x", "Patient?identifier=a|1"]


async def test_answers_come_in_the_order_of_the_request_and_work_in_the_order_of_the_standard(database: Database) -> None:
    await run(database, "transaction", entry("PUT", "Patient/a", a_patient(id="a")), entry("PUT", "Patient/b", a_patient(id="b")))
    got, put, posted, deleted = await run(
        database,
        "transaction",
        entry("GET", "Patient/a"),
        entry("PUT", "http://here/fhir/Patient/a", a_patient("Durand", id="a"), ifMatch='W/"1"'),
        entry("POST", "Patient", a_patient()),
        entry("DELETE", "Patient/b"),
    )
    assert got["resource"]["name"] == [{"family": "Durand"}]
    assert put["response"]["status"] == "200 OK"
    assert put["response"]["etag"] == 'W/"2"'
    assert posted["response"]["status"] == "201 Created"
    assert deleted["response"]["status"] == "204 No Content"


@pytest.mark.parametrize(
    ("fault", "bad"),
    [
        (PreconditionFailed, entry("PUT", "Patient/a", a_patient(id="a"), ifMatch='W/"9"')),
        (PreconditionFailed, entry("DELETE", "Patient/unknown", ifMatch='W/"1"')),
        (Conflict, entry("PUT", "Patient/new", a_patient(id="new"))),
        (PreconditionFailed, entry("POST", "Observation", an_observation(f"Patient?identifier={INS}|0"))),
        (PreconditionFailed, entry("PUT", "Patient?family=martin", a_patient())),
        (Invalid, entry("POST", "Patient", a_patient(), ifNoneExist="nonsense=1")),
        (NotFound, entry("GET", "Patient/unknown")),
    ],
)
async def test_one_bad_entry_undoes_all_and_is_named(database: Database, fault: type[MaillageError], bad: Resource) -> None:
    await run(database, "transaction", entry("PUT", "Patient/a", a_patient(id="a")), entry("PUT", "Patient/b", a_patient(id="b")))
    with pytest.raises(fault) as refused:
        await run(database, "transaction", entry("PUT", "Patient/new", a_patient(id="new")), bad)
    assert refused.value.message.startswith("Bundle.entry[1]")
    assert (refused.value.issues[0].expression or "").startswith("Bundle.entry[1]")
    assert await count(database, "Patient") == 2


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"request": {"method": "PATCH", "url": "Patient/1"}},
        entry("POST", "Patient"),
        entry("POST", "Patient", an_observation("Patient/1")),
        entry("POST", "Patient/1", a_patient()),
        entry("PUT", "Patient", a_patient()),
        entry("PUT", "Patient/1", a_patient(id="2")),
        entry("DELETE", "Patient"),
        entry("DELETE", "Wrong/1"),
        entry("PUT", "Patient/1", a_patient(id="1"), ifMatch="latest"),
    ],
)
async def test_what_is_no_request_is_refused_with_its_place(database: Database, bad: Resource) -> None:
    with pytest.raises(Invalid) as refused:
        await run(database, "transaction", entry("POST", "Patient", a_patient()), bad)
    assert "Bundle.entry[1]" in refused.value.message


async def test_conditional_references_find_what_is_stored_or_comes_with_the_bundle(database: Database) -> None:
    [known] = await run(database, "transaction", entry("POST", "Patient", a_patient(ins="1")))
    new, first, second = await run(
        database,
        "transaction",
        entry("POST", "Patient", a_patient(ins="2")),
        entry("POST", "Observation", an_observation(f"Patient?identifier={INS}|1")),
        entry("POST", "Observation", an_observation(f"Patient?identifier={INS}|2")),
    )
    assert (await get(database, reference(first)))["subject"] == {"reference": reference(known)}
    assert (await get(database, reference(second)))["subject"] == {"reference": reference(new)}


async def test_if_none_exist_gives_what_exists(database: Database) -> None:
    create = entry("POST", "Patient", a_patient(ins="1"), MOTHER, ifNoneExist=f"identifier={INS}|1")
    [first] = await run(database, "transaction", create)
    second, observation = await run(database, "transaction", create, entry("POST", "Observation", an_observation(MOTHER)))
    assert (first["response"]["status"], second["response"]["status"]) == ("201 Created", "200 OK")
    assert reference(second) == reference(first)
    assert (await get(database, reference(observation)))["subject"] == {"reference": reference(first)}
    assert await count(database, "Patient") == 1


async def test_conditional_update_and_deletion(database: Database) -> None:
    url = f"Patient?identifier={INS}|1"
    [created] = await run(database, "transaction", entry("PUT", url, a_patient(ins="1")))
    [updated] = await run(database, "transaction", entry("PUT", url, a_patient("Durand", ins="1")))
    assert (created["response"]["status"], updated["response"]["status"]) == ("201 Created", "200 OK")
    assert (await get(database, reference(created)))["name"] == [{"family": "Durand"}]
    for _ in range(2):
        [deleted] = await run(database, "transaction", entry("DELETE", url))
        assert deleted["response"]["status"] == "204 No Content"
    assert await count(database, "Patient") == 0


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_the_deletion_of_what_is_not_there_changes_nothing_and_undoes_nothing(database: Database, kind: str) -> None:
    await run(database, "transaction", entry("PUT", "Patient/a", a_patient(id="a")), entry("PUT", "Patient/b", a_patient(id="b")))
    for _ in range(2):
        answers = await run(
            database, kind, entry("DELETE", "Patient/unknown"), entry("DELETE", "Patient/a"), entry("PUT", "Patient/b", a_patient("Durand", id="b"))
        )  # fmt: skip
        assert [answer["response"]["status"] for answer in answers] == ["204 No Content", "204 No Content", "200 OK"]
    assert await count(database, "Patient") == 1
    async with database.transaction() as conn:
        history = await STORE.history(conn, kind="Patient", id="a", scope=Scope.all())
    assert [one.version for one in history.versions] == [2, 1]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_the_deletion_of_what_another_deletes_at_the_same_instant_undoes_nothing(database: Database, kind: str) -> None:
    await run(database, "transaction", entry("PUT", "Patient/a", a_patient(id="a")), entry("PUT", "Patient/b", a_patient(id="b")))
    async with database.transaction() as conn:
        await STORE.write(conn, [Change.delete("Patient", "a")], scope=Scope.all())
        both = asyncio.create_task(
            run(database, kind, entry("DELETE", "Patient/a"), entry("PUT", "Patient/b", a_patient("Durand", id="b")))
        )
        await until_somebody_waits(database, both)
    assert [answer["response"]["status"] for answer in await both] == ["204 No Content", "200 OK"]


@pytest.mark.parametrize("verb", [Verb.PUT, Verb.UPDATE])
async def test_what_another_deletes_at_the_same_instant_is_written_after_its_deletion(database: Database, verb: Verb) -> None:
    await run(database, "transaction", entry("PUT", "Patient/a", a_patient(id="a")))

    async def written() -> list[Resource]:
        async with database.transaction() as conn:
            return await STORE.write(conn, [Change(verb, a_patient("Durand", id="a"))], scope=Scope.all())

    async with database.transaction() as conn:
        await STORE.write(conn, [Change.delete("Patient", "a")], scope=Scope.all())
        other = asyncio.create_task(written())
        await until_somebody_waits(database, other)
    if verb is Verb.PUT:
        assert (await other)[0]["meta"]["versionId"] == "3"
    else:
        with pytest.raises(NotFound):
            await other


async def test_deletions_and_updates_in_any_order_do_not_wait_for_each_other(database: Database) -> None:
    names = [f"p{n}" for n in range(6)]
    for turn in range(5):
        await run(database, "transaction", *(entry("PUT", f"Patient/{id}", a_patient(id=id)) for id in names))
        bundles = [
            [entry("DELETE", f"Patient/{id}") if (place + n) % 2 else entry("PUT", f"Patient/{id}", a_patient(id=id)) for place, id in enumerate(names)]
            for n in range(4)
        ]  # fmt: skip
        await asyncio.gather(
            *(run(database, "transaction", *one[:: 1 if (n + turn) % 2 else -1]) for n, one in enumerate(bundles))
        )


async def until_somebody_waits(database: Database, running: asyncio.Task[Any]) -> None:
    while True:
        async with database.reading() as conn:
            if await (await conn.execute(b"select pid from pg_locks where not granted")).fetchall():
                return
        assert not running.done()
        await asyncio.sleep(0.01)


async def test_what_is_not_there_is_not_deleted_and_made_in_one_transaction(database: Database) -> None:
    with pytest.raises(Conflict, match="twice"):
        await run(database, "transaction", entry("DELETE", "Patient/a"), entry("PUT", "Patient/a", a_patient(id="a")))


async def test_the_entries_of_a_batch_do_not_share_their_fate(database: Database) -> None:
    answers = await run(
        database,
        "batch",
        entry("PUT", "Patient/a", a_patient(id="a")),
        entry("PATCH", "Patient/unknown", {"resourceType": "Parameters"}),
        entry("GET", "Patient/unknown"),
        entry("GET", "Patient/a"),
    )
    assert [answer["response"]["status"] for answer in answers] == ["201 Created", "404", "404", "200 OK"]
    assert answers[1]["response"]["outcome"]["issue"][0]["code"] == "not-found"
    assert await count(database, "Patient") == 1


async def test_a_read_of_a_batch_that_finds_nothing_costs_little_more_than_one_that_finds(database: Database) -> None:
    """A savepoint that is rolled back makes the driver forget every prepared statement: the next entry would be planned anew."""
    unknown = [entry("GET", f"Patient/unknown{n}") for n in range(5)]
    async with database.transaction() as conn:
        with count_statements() as counted:
            answer = await process(
                {"resourceType": "Bundle", "type": "batch", "entry": unknown}, StoreDoor(conn, Scope.all(), STORE)
            )
        prepared = await (
            await conn.execute(b"select from pg_prepared_statements where statement like '%from res r where%'")
        ).fetchall()
    assert [one["response"]["status"] for one in answer["entry"]] == ["404"] * 5
    assert counted.statements == 2 * len(unknown)
    assert prepared


async def test_a_bundle_of_another_type_is_refused(database: Database) -> None:
    with pytest.raises(Invalid, match="searchset"):
        await run(database, "searchset")
