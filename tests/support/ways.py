"""Every way of asking for what is in somebody's record: one line each. An operation that the product learns (a bulk export, a subscription) is added
to `WAYS`, and the matrices of rights and of notices hold it to the same expectations.

A way answers the names ("letter" of "letter.<person>") that it let through. `about` are those that it could let through at all.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

Resource = dict[str, Any]
HTML = {"accept": "text/html"}
MARK = "zygomatique"
"""A word that each record holds before its name."""
MOST = 40
"""Pages that a list is followed for at most."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks (`client` holds their token), about whom (an id of Patient), and the types of that person's records by name. `professional`: by which pages."""

    client: httpx.AsyncClient
    person: str
    kinds: Mapping[str, str]
    professional: bool

    def names(self, bundle: Resource) -> set[str]:
        """The names of what a Bundle holds of this person."""
        ids = [entry["resource"]["id"] for entry in bundle.get("entry", []) if entry.get("resource", {}).get("id")]
        return {name for name, _, whose in (id.partition(".") for id in ids) if whose == self.person} & self.kinds.keys()

    async def get(self, path: str) -> Resource:
        """What a FHIR address answers; an empty OperationOutcome where it is not known."""
        answer = await self.client.get(f"/fhir/{path}")
        assert answer.status_code in (200, 404), (self.person, path, answer.text)
        found: Resource = answer.json()
        return found

    async def all_of(self, path: str) -> list[Resource]:
        """Every page of a list."""
        pages, path = [await self.get(path)], ""
        while (next_one := next((link["url"] for link in pages[-1].get("link", []) if link["relation"] == "next"), None)) and len(
            pages
        ) < MOST:
            pages.append(await self.get(next_one.partition("/fhir/")[2]))
        return pages

    async def one_by_one(self, address: Callable[[str, str], str], names: Iterable[str] | None = None) -> set[str]:
        """The names of which an address in a batch answers something."""
        wanted = sorted(names or self.kinds)
        urls = [address(self.kinds[name], f"{name}.{self.person}") for name in wanted]
        batch = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": url}} for url in urls]}
        entries = (await self.client.post("/fhir", json=batch)).json()["entry"]
        answered = [one["response"]["status"].startswith("200") and one.get("resource", {}).get("total") != 0 for one in entries]
        return {name for name, ok in zip(wanted, answered, strict=True) if ok}

    @property
    def documents(self) -> set[str]:
        """The names of the documents."""
        return {name for name, kind in self.kinds.items() if kind == "DocumentReference"}


Way = Callable[[Asked], Awaitable[set[str]]]


async def read(asked: Asked) -> set[str]:
    return await asked.one_by_one(lambda kind, id: f"{kind}/{id}")


async def head(asked: Asked) -> set[str]:
    return {
        name
        for name, kind in asked.kinds.items()
        if (await asked.client.head(f"/fhir/{kind}/{name}.{asked.person}")).status_code == 200
    }


async def vread(asked: Asked) -> set[str]:
    return await asked.one_by_one(lambda kind, id: f"{kind}/{id}/_history/1")


async def history(asked: Asked) -> set[str]:
    return await asked.one_by_one(lambda kind, id: f"{kind}/{id}/_history")


async def history_of_types(asked: Asked) -> set[str]:
    found = [page for kind in sorted(set(asked.kinds.values())) for page in await asked.all_of(f"{kind}/_history?_count=1000")]
    return set().union(*map(asked.names, found))


async def history_of_all(asked: Asked) -> set[str]:
    return set().union(*map(asked.names, await asked.all_of("_history?_count=1000")))


async def search(asked: Asked) -> set[str]:
    """By type and person, whose total says no more than it shows, counted or not."""
    seen: set[str] = set()
    for kind in sorted(set(asked.kinds.values())):
        query = f"{kind}?patient=Patient/{asked.person}"
        found, counted = await asked.get(f"{query}&_count=100&_total=accurate"), await asked.get(f"{query}&_summary=count")
        assert counted["total"] == found["total"] == len(found.get("entry", [])), (asked.person, kind)
        seen |= asked.names(found)
    return seen


async def search_of_several(asked: Asked) -> set[str]:
    """By type among several people, in an order of time: what may be seen of each is looked up for the whole list."""
    seen: set[str] = set()
    for kind in sorted(set(asked.kinds.values())):
        people = f"patient=Patient/{asked.person},Patient/nobody"
        seen |= asked.names(await asked.get(f"{kind}?{people}&_sort=-_lastUpdated&_count=100&_include={kind}:patient"))
    return seen


async def search_by_post(asked: Asked) -> set[str]:
    seen: set[str] = set()
    for kind in sorted(set(asked.kinds.values())):
        answer = await asked.client.post(f"/fhir/{kind}/_search", data={"patient": f"Patient/{asked.person}", "_count": "100"})
        seen |= asked.names(answer.json())
    return seen


async def page_by_page(asked: Asked) -> set[str]:
    found = await asked.all_of(f"DocumentReference?patient=Patient/{asked.person}&_sort=-date,_id&_count=2")
    assert sum(len(page.get("entry", [])) for page in found) == len(set().union(*map(asked.names, found))), asked.person
    return set().union(*map(asked.names, found))


async def several_types(asked: Asked) -> set[str]:
    typed, ids = ",".join(sorted(set(asked.kinds.values()))), ",".join(f"{name}.{asked.person}" for name in asked.kinds)
    return asked.names(await asked.get(f"?_type={typed}&_id={ids}&_count=100"))


async def chain(asked: Asked) -> set[str]:
    return asked.names(await asked.get(f"Condition?patient.family={asked.person}"))


async def chain_through_what_is_kept(asked: Asked) -> set[str]:
    found = await asked.get(f"Encounter?_id=stay.{asked.person}&diagnosis:Condition.code=urn:c|{asked.person}")
    return {"problem"} if found.get("entry") else set()


async def reverse_chain(asked: Asked) -> set[str]:
    having = await asked.get(f"Patient?_has:Condition:patient:code=urn:c|{asked.person}&_id={asked.person}")
    return {"problem"} if having.get("entry") else set()


async def reverse_chain_to_documents(asked: Asked) -> set[str]:
    return await asked.one_by_one(
        lambda kind, id: f"Patient?_has:{kind}:patient:_id={id}&_id={asked.person}&_total=accurate", asked.documents
    )


async def include(asked: Asked) -> set[str]:
    """What a stay names; then what that names, which is reached through it alone."""
    through = "_include=Encounter:diagnosis&_include:iterate=Condition:evidence-detail"
    return asked.names(await asked.get(f"Encounter?_id=stay.{asked.person}&{through}")) - {"stay"}


async def reverse_include(asked: Asked) -> set[str]:
    return asked.names(await asked.get(f"Patient?_id={asked.person}&_revinclude=*&_count=100"))


async def everything(asked: Asked) -> set[str]:
    return set().union(*map(asked.names, await asked.all_of(f"Patient/{asked.person}/$everything?_count=100")))


async def compartment(asked: Asked) -> set[str]:
    return asked.names(await asked.get(f"Patient/{asked.person}/*?_count=100"))


async def meta(asked: Asked) -> set[str]:
    found = {name: await asked.client.get(f"/fhir/{kind}/{name}.{asked.person}/$meta") for name, kind in asked.kinds.items()}
    return {name for name, answer in found.items() if answer.status_code == 200}


async def page_of_each_document(asked: Asked) -> set[str]:
    path = "/documents" if asked.professional else "/mes-documents"
    found = {name: await asked.client.get(f"{path}/{name}.{asked.person}", headers=HTML) for name in asked.documents}
    assert {answer.status_code for answer in found.values()} <= {200, 403, 404}, asked.person
    for name in (
        name for name, answer in found.items() if answer.status_code != 200
    ):  # who may read it prints it, see test_messaging_paper.py
        assert (await asked.client.get(f"/messages/{name}.{asked.person}/pdf", headers=HTML)).status_code in (403, 404), (
            asked.person
        )
    return {name for name, answer in found.items() if answer.status_code == 200}


async def pages_of_the_record(asked: Asked) -> set[str]:
    """Whatever these pages name by an id."""
    paths = (
        [f"/patients/{asked.person}", f"/patients/{asked.person}/documents"]
        if asked.professional
        else ["/accueil", "/mes-documents"]
    )
    told = [(await asked.client.get(path, headers=HTML)).text for path in paths]
    linked = {id for text in told for id in re.findall(r"/(?:mes-)?documents/([\w.-]+)", text)}
    return {name for name, _, whose in (id.partition(".") for id in linked) if whose == asked.person} & asked.kinds.keys()


async def told_on(asked: Asked, *paths: str) -> set[str]:
    """The names that these pages say, wherever: each record holds its own, as people would read it, beside the `MARK`."""
    texts = [(await asked.client.get(path.format(person=asked.person), headers=HTML)).text for path in paths]
    return {name for name in asked.kinds for text in texts if f"{MARK} {name}.{asked.person}" in text}


async def thread(asked: Asked) -> set[str]:
    """Each conversation by its id, with what is new of it, by all its addresses that only read."""
    found = {name: await asked.client.get(f"/messages/{name}.{asked.person}", headers=HTML) for name in CONVERSATIONS}
    assert {answer.status_code for answer in found.values()} <= {200, 403, 404}, asked.person
    return {name for name, answer in found.items() if answer.status_code == 200} | await told_on(
        asked, *(f"/messages/{name}.{{person}}" for name in CONVERSATIONS)
    )


async def messages(asked: Asked) -> set[str]:
    paths = ["/messages?vue=sujets", "/messages"] + [
        "/patients/{person}/messages?vue=sujets",
        "/patients/{person}/messages",
    ] * asked.professional
    return await told_on(asked, *paths)


async def summary(asked: Asked) -> set[str]:
    """With what changed since the last visit."""
    return await told_on(asked, "/patients/{person}")


async def chronology(asked: Asked) -> set[str]:
    return await told_on(
        asked,
        "/patients/{person}/chronologie",
        *(f"/patients/{{person}}/chronologie?vue={one}" for one in ("documents", "coordination")),
    )


async def search_in_the_record(asked: Asked) -> set[str]:
    return await told_on(asked, f"/patients/{{person}}/recherche?q={MARK}")


async def pages_of_coordination(asked: Asked) -> set[str]:
    """The plan, the week, the notebook, the life of somebody, their circle, the calls about them; the desk of who works."""
    if not asked.professional:
        return await told_on(asked, "/mon-plan", "/mon-cahier", "/ma-semaine", "/mon-appui", "/accueil")
    pages = (
        "plan",
        "plan/versions",
        "semaine",
        "cahier",
        "situation-de-vie",
        "concertations",
        "constantes",
        "appui",
        "cercle/membres",
        "messages/nouveau",
        "contacts",
        "evaluations",
    )
    desks = ("/agenda", "/planning")
    return await told_on(asked, *desks, *(f"/patients/{{person}}/{page}" for page in pages))


DOCUMENTS, PROBLEM = "documents", {"problem"}
TOLD = "told"
LETTERS = {
    "letter", "psychiatry", "genetics", "social", "prescription", "odd", "restricted", "very-restricted", "masked", "unannounced", "not-for-parents", "joined",
}  # fmt: skip
CONVERSATIONS = {"talk", "talk-pro", "talk-care", "talk-nurse"}
WAYS: dict[Way, set[str] | str | None] = {
    read: None, head: None, vread: None, history: None, history_of_types: None, history_of_all: None, search: None, search_of_several: None, search_by_post: None,
    page_by_page: DOCUMENTS, several_types: None, chain: PROBLEM, chain_through_what_is_kept: PROBLEM, reverse_chain: PROBLEM,
    reverse_chain_to_documents: DOCUMENTS, include: {"problem", "letter", "masked"}, reverse_include: None, everything: None, compartment: None, meta: None,
    page_of_each_document: DOCUMENTS, pages_of_the_record: DOCUMENTS, thread: CONVERSATIONS, messages: CONVERSATIONS,
    summary: TOLD, search_in_the_record: TOLD, chronology: {*CONVERSATIONS, *LETTERS}, pages_of_coordination: {"plan", "money"},
}  # fmt: skip
"""What each shows of what may be seen: None is whatever there is of the person. None shows anything else."""


FOR_PROFESSIONALS = (summary, search_in_the_record, chronology, pages_of_coordination)
"""Pages of which the person and their carers have others."""


async def seen_by_every_way(asked: Asked) -> dict[str, tuple[set[str], set[str]]]:
    """By way, what it let through and what it shows."""
    named = {DOCUMENTS: asked.documents, TOLD: asked.kinds.keys() - {"stay"}}
    about = {way: set(named[could] if isinstance(could, str) else could or asked.kinds) for way, could in WAYS.items()}
    shown = {way: could if asked.professional or way not in FOR_PROFESSIONALS else set() for way, could in about.items()}
    return {way.__name__: (await way(asked), could) for way, could in shown.items()}
