"""Full text: what French words find, in a narrative and in all that a resource says; and what they never show."""

import random
from typing import Any

import pytest
from psycopg import AsyncClientCursor

from maillage.db import Database
from maillage.errors import Invalid
from maillage.fhir import ids
from maillage.fhir.change import Change, Verb
from maillage.fhir.french import words
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse, parse_several
from maillage.fhir.search.compose import Composer
from maillage.fhir.search.words import has_words
from maillage.fhir.store import Store
from maillage.fhir.words import found_by, plain

STORE = Store()
Resource = dict[str, Any]


def narrated(id: str, text: str, **more: Any) -> Resource:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'
    return {"resourceType": "Basic", "id": id, "code": {"text": id}, "text": {"status": "generated", "div": div}} | more


async def hold(database: Database, *resources: Resource) -> None:
    async with database.transaction() as conn:
        await STORE.write(conn, [Change(Verb.PUT, one) for one in resources], scope=Scope.all())


async def found(database: Database, kind: str, *params: tuple[str, str], scope: Scope | None = None) -> list[str]:
    async with database.transaction() as conn:
        page = await STORE.search(conn, parse(kind, params), scope=scope or Scope.all())
    return sorted(one["id"] for one in page.matches)


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("Patiente hospitalisée en urgence", "hospitalise"),
        ("Patiente hospitalisée en urgence", "hospitalisation"),
        ("PATIENTE HOSPITALISEE EN URGENCE", "hospitalisé"),
        ("PATIENTE HOSPITALISEE EN URGENCE", "hospitalisées"),
        ("Il sera hospitalisé", "HOSPITALISEE"),
        ("L’Hôpital de Cahors", "hopital"),
        ("l'hopital de Cahors", "Hôpitaux"),
        ("Insuffisance rénale chronique", "insuffisances rénales"),
        ("Antécédents rénaux", "rénal"),
        ("Visite de l’infirmière", "infirmier"),
        ("VISITE DE L'INFIRMIERE", "infirmières"),
        ("Œdème du poumon", "oedemes"),
        ("Oedeme du poumon", "œdème"),
        ("Opérée en 2019", "opération"),
        ("Vaccinée contre la grippe", "vaccins grippe"),
        ("Née à Lille", "né"),
        ("Diabète de type 2", "diabète 2"),
        ("Il prend de la vitamine D", "vitamine d"),
        ("Cafe\u0301 interdit", "café"),
        ("Suivi par M. d’Hauteville", "hauteville"),
        ("Suivi à lʼhôpital", "hôpital"),
        ("Traité jusqu’à Noël", "traitements"),
        ("Sa grand-mère l’accompagne", "grand-mère"),
        ("Sa grand mère l’accompagne", "grand-mère"),
    ],
)
async def test_a_word_is_found_in_any_of_its_forms(database: Database, said: str, asked: str) -> None:
    await hold(database, narrated("yes", said), narrated("no", "Rien de tout cela"))
    assert await found(database, "Basic", ("_text", asked)) == ["yes"]
    assert await found(database, "Basic", ("_content", asked)) == ["yes"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("diabète", ["a", "b", "d"]),
        ("diabète fièvre", ["b"]),
        ("fièvre le diabète", ["b"]),
        ("fièvre and diabète", ["b"]),
        ("diabète OR fièvre", ["a", "b", "c", "d"]),
        ("toux ou fièvre", ["b", "c"]),
        ("diabète -fièvre", ["a", "d"]),
        ("diabète NOT fièvre", ["a", "d"]),
        ("diabète -(fièvre OR insuline)", ["d"]),
        ("(toux OR insuline) diabète", ["a"]),
        ("toux OR insuline diabète", ["a", "c"]),
        ('"toux sèche"', ["c"]),
        ('"sèche toux"', []),
        ('diabète -"sous insuline"', ["b", "d"]),
        ("toux,insuline", ["a", "c"]),
        ("diabète\\, insuline", ["a"]),
        ("diabète/insuline", []),
        ("glycémie", []),
    ],
)
async def test_words_are_joined_as_asked(database: Database, asked: str, expected: list[str]) -> None:
    await hold(
        database,
        narrated("a", "diabète traité sous insuline"),
        narrated("b", "diabète et fièvre"),
        narrated("c", "fièvre, toux sèche"),
        narrated("d", "diabète équilibré"),
    )
    assert await found(database, "Basic", ("_text", asked)) == expected
    both = [("_text", asked), ("_content", "diabète")]
    assert await found(database, "Basic", *both) == [id for id in expected if id != "c"]


async def test_a_filter_may_ask_for_words(database: Database) -> None:
    await hold(database, narrated("a", "diabète sous insuline"), narrated("b", "diabète"), narrated("c", "toux"))
    assert await found(database, "Basic", ("_filter", '_text co "diabète -insuline"')) == ["b"]
    assert await found(database, "Basic", ("_filter", "_text co toux or _content co insuline")) == ["a", "c"]
    assert await found(database, "Basic", ("_filter", 'not (_text co "diabète, insuline")')) == ["b", "c"]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("_text", "", "a value is missing"),
        ("_text", "de la", "no word to search for"),
        ("_content", "?!", "no word to search for"),
        ("_text", "()", "no word to search for"),
        ("_content", "-diabète", "only what is not to be found"),
        ("_content", "fièvre OR -diabète", "only what is not to be found"),
        ("_content", "diabète,le", "no word to search for"),
        ("_text", 'le "diabète', "does not end"),
        ("_text", "(diabète", "does not close"),
        ("_text", "diabète)", "does not open"),
        ("_text", "diabète NOT", "denies nothing"),
        ("_text", "diab*", "may have no [*]"),
        ("_text", "x" * 401, "400 characters at most"),
        ("_content", ",".join(f"mot{n} mot{n}" for n in range(101)), "200 words at most are searched for at once, not 202"),
        ("_text", "(" * 30 + "x" + ")" * 30, "20 brackets"),
        ("_text:exact", "x", "the modifier :exact is not supported; _text takes none"),
        ("_content:contains", "x", "the modifier :contains is not supported"),
        ("_text:missing", "true", "the modifier :missing is not supported; _text takes none"),
        ("_sort", "_text", "is sorted by"),
        ("_filter", "_text eq x", "is compared by co, not by eq"),
        ("_filter", "_content ne x", "is compared by co, not by ne"),
        ("_filter", "_content pr true", "is compared by co, not by pr"),
    ],
)
def test_what_asks_for_no_word_is_refused_with_its_reason(name: str, value: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        parse("Basic", [(name, value)])


async def test_the_same_words_asked_for_again_are_one_question(database: Database) -> None:
    await hold(database, narrated("a", "douleur"), narrated("b", "fièvre"))
    assert await found(database, "Basic", ("_text", ",".join(["douleur"] * 1_900))) == ["a"]


async def test_what_is_asked_for_is_read_once_and_not_for_each_resource(database: Database) -> None:
    """In the kept plan of a probe `to_tsquery` stands in a step of its own, which runs once."""
    composer = Composer(Scope.all())
    probe = has_words("_content", ["douleur"]).sql(composer.row("Basic"), composer)
    async with database.transaction() as conn:
        text = AsyncClientCursor(conn).mogrify(f"select t1.id from res t1 where {probe}", composer.params)
        asked = AsyncClientCursor(conn).mogrify("%s", [composer.params["p0"]])
        assert asked in text
        await conn.execute(f"prepare kept (text) as {text.replace(asked, '$1')}".encode())
        plan = await (await conn.execute(f"explain (verbose) execute kept ({asked})".encode())).fetchall()
    steps = [row["QUERY PLAN"].strip() for row in plan]
    assert [step for step in steps if "to_tsquery" in step and not step.startswith("Output: ")] == [], steps


def test_a_type_without_a_narrative_has_no_text_to_search() -> None:
    with pytest.raises(Invalid, match="Bundle has no search parameter _text"):
        parse("Bundle", [("_text", "x")])
    assert parse("Bundle", [("_content", "x")]).criteria


def test_the_text_of_a_narrative_is_what_a_reader_sees() -> None:
    div = '<div title="a>b">h<b>ô</b>pital<p>né</p><br/>H<sub>2</sub>O &eacute;&#233;&amp;<!-- c > --><![CDATA[<x>&lt;]]></div>'
    assert plain(div).split() == ["hôpital", "né", "H2O", "éé&", "<x>&lt;"]


def test_all_that_is_written_for_people_is_content_and_nothing_else() -> None:
    narrative, content = found_by(
        {
            "resourceType": "Observation",
            "id": "ident",
            "meta": {"profile": ["http://example.org/profil"], "versionId": "versionnee"},
            "text": {"status": "generated", "div": "<div>raconté</div>"},
            "contained": [{"resourceType": "Patient", "id": "p", "name": [{"family": "Contenu", "given": [None, "Jeanne"]}]}],
            "extension": [{"url": "http://example.org/u", "valueString": "étendu"}],
            "identifier": [{"system": "urn:s", "value": "numéro", "assigner": {"display": "assigneur"}}],
            "status": "final",
            "_status": {"extension": [{"url": "urn:x", "valueMarkdown": "souligné"}]},
            "code": {"coding": [{"system": "urn:c", "code": "codé", "display": "affiché", "version": "v"}], "text": "texte"},
            "subject": {"reference": "Patient/renvoi", "display": "Dupont"},
            "valueQuantity": {"value": 1, "unit": "unité"},
            "note": [{"text": "noté"}],
            "component": [{"code": {"text": "composant"}, "valueSampledData": {"data": "E U L"}}],
        }
    )
    assert narrative.split() == ["raconte"]
    assert sorted(content.split()) == sorted(
        words("Contenu Jeanne étendu assigneur souligné affiché texte Dupont noté composant")
    )
    document = {"resourceType": "Bundle", "entry": [{"resource": narrated("b", "dedans")}]}
    assert found_by(document) == ("", "b dedans")


async def test_content_is_everywhere_and_text_only_in_the_narrative(database: Database) -> None:
    await hold(database, narrated("a", "asthme", code={"text": "asthme"}), narrated("b", "rien", code={"text": "asthme"}))
    assert await found(database, "Basic", ("_content", "asthme")) == ["a", "b"]
    assert await found(database, "Basic", ("_text", "asthme")) == ["a"]
    assert await found(database, "Basic", ("_content", "rien -asthme")) == []
    assert await found(database, "Basic", ("_text", "rien -asthme")) == ["b"]


async def test_signs_that_the_database_takes_for_no_letters_find_nothing(database: Database) -> None:
    await hold(database, narrated("a", "asthme ፩"))
    assert (await found(database, "Basic", ("_content", "፩")), await found(database, "Basic", ("_text", "፩,asthme"))) == (
        [],
        ["a"],
    )
    assert await found(database, "Basic", ("_content", "፩"), ("code:text", "a")) == []


async def test_words_follow_the_resource(database: Database) -> None:
    await hold(database, narrated("a", "avant"), narrated("b", "avant"))
    await hold(database, narrated("a", "après"), {"resourceType": "Basic", "id": "b", "code": {"coding": [{"code": "x"}]}})
    assert await found(database, "Basic", ("_text", "avant")) == []
    assert await found(database, "Basic", ("_text", "après")) == ["a"]
    async with database.transaction() as conn:
        await STORE.write(conn, [Change.delete("Basic", "a")], scope=Scope.all())
        left = await (await conn.execute(b"select count(*) as n from words")).fetchone()
    assert left == {"n": 0}


async def test_words_that_did_not_change_are_not_written_again(database: Database) -> None:
    await hold(database, narrated("a", "asthme"))
    async with database.transaction() as conn:
        place = b"select ctid from words"
        before = await (await conn.execute(place)).fetchall()
        await STORE.write(conn, [Change(Verb.UPDATE, narrated("a", "<i>Asthme</i>", language="fr"))], scope=Scope.all())
        assert await (await conn.execute(place)).fetchall() == before


PATIENTS = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(4)]
WORDS = ["asthme", "toux", "fièvre", "fièvres", "toussé", "traitée", "traité", "traitement"]


def seeing(*patients: str) -> Scope:
    text = "({row}.patient is null or (select true from unnest(%(access_mine)s::uuid[]) m where m = {row}.patient))"
    return Scope(text, {"access_mine": [ids.key(id) for id in patients]})


def about(patient: str, id: str, text: str) -> Resource:
    return {
        "resourceType": "Observation", "id": id, "status": "final", "code": {"text": "constat"}, "note": [{"text": text}],
        "subject": {"reference": f"Patient/{patient}"},
    }  # fmt: skip


async def test_what_may_not_be_seen_is_neither_found_nor_counted(database: Database) -> None:
    mine, other = PATIENTS[:2]
    people = [{"resourceType": "Patient", "id": id, "name": [{"family": "Martin"}]} for id in (mine, other)]
    await hold(database, *people, about(mine, "m", "suspicion de tumeur"), about(other, "o", "tumeur confirmée"))
    scope = seeing(mine)
    tries: list[tuple[str, list[tuple[str, str]], list[str]]] = [
        ("Observation", [("_content", "tumeur")], ["m"]),
        ("Observation", [("_content", "confirmée")], []),
        ("Observation", [("_content", "tumeur,confirmée")], ["m"]),
        ("Observation", [("_content", "tumeur -suspicion")], []),
        ("Observation", [("_content", "confirmée"), ("_sort", "-_lastUpdated")], []),
        ("Observation", [("_content", "confirmée"), ("subject", f"Patient/{other}")], []),
        ("Observation", [("_filter", "_content co confirmée")], []),
        ("Observation", [("_filter", "_content co confirmée or status eq entered-in-error")], []),
        ("Observation", [("_filter", "not (_content co suspicion)")], []),
        ("Patient", [("_has:Observation:subject:_content", "confirmée")], []),
        ("Patient", [("_has:Observation:subject:_content", "tumeur")], [mine]),
        ("Observation", [("subject:Patient._content", "martin")], ["m"]),
        ("Patient", [("_content", "martin")], [mine]),
    ]
    for kind, params, expected in tries:
        async with database.transaction() as conn:
            page = await STORE.search(conn, parse(kind, [*params, ("_total", "accurate")]), scope=scope)
            count = await STORE.search(conn, parse(kind, [*params, ("_summary", "count")]), scope=scope)
        assert ([one["id"] for one in page.matches], page.total, count.total) == (expected, len(expected), len(expected)), params
    async with database.transaction() as conn:
        asked = [("_content", "martin OR tumeur OR confirmée"), ("_total", "accurate")]
        page = await STORE.search(conn, parse_several(asked), scope=scope)
        assert (sorted(one["id"] for one in page.matches), page.total) == (sorted([mine, "m"]), 2)
        nowhere = await STORE.search(conn, parse_several([*asked, ("_text", "tumeur")]), scope=scope)
        assert (nowhere.matches, nowhere.total) == ([], 0)


@pytest.mark.parametrize("seed", [1, 2])
async def test_searches_by_words_answer_what_a_slow_reading_answers(database: Database, seed: int) -> None:
    """Words of one root are one word here (`ROOTS`); the rest of the search is the standard's."""
    roots = {word: word[:5] for word in WORDS} | {"toux": "toux", "toussé": "touss"}
    chance = random.Random(seed)
    resources: list[Resource] = [{"resourceType": "Patient", "id": id, "name": [{"family": "Petit"}]} for id in PATIENTS]
    said: dict[str, set[str]] = {}
    for number in range(60):
        text = chance.sample(WORDS, chance.randint(0, 3))
        one = about(chance.choice(PATIENTS), f"o{number}", " ".join(text) or "néant")
        one["effectiveDateTime"] = f"2024-01-{number % 28 + 1:02}"
        said[one["id"]] = {roots[word] for word in text}
        resources.append(one)
    async with database.transaction() as conn:
        await STORE.load(conn, resources[:30])
    await hold(database, *resources[30:])
    for _ in range(60):
        first, second = chance.sample(WORDS, 2)
        form, holds = chance.choice(
            [
                (f"{first} {second}", lambda s, a, b: a in s and b in s),
                (f"{first} OR {second}", lambda s, a, b: a in s or b in s),
                (f"{first},{second}", lambda s, a, b: a in s or b in s),
                (f"{first} -{second}", lambda s, a, b: a in s and b not in s),
            ]
        )
        patients = chance.choice([PATIENTS, PATIENTS[:2]])
        kept = [one for one in resources[4:] if one["subject"]["reference"].partition("/")[2] in patients]
        more: list[tuple[str, str]] = []
        match chance.randint(0, 3):
            case 1:
                more = [("patient", PATIENTS[0])]
                kept = [one for one in kept if one["subject"]["reference"].endswith(PATIENTS[0])]
            case 2:
                more = [("date", "ge2024-01-15")]
                kept = [one for one in kept if one["effectiveDateTime"] >= "2024-01-15"]
            case 3:
                more = [("_sort", "-date")]
        expected = sorted(one["id"] for one in kept if holds(said[one["id"]], roots[first], roots[second]))
        answered: list[str] = []
        cursor, total = None, None
        while cursor or total is None:
            asked = [
                ("_content", form),
                *more,
                ("_count", "7"),
                ("_total", "accurate"),
                *([("_cursor", cursor)] if cursor else []),
            ]
            async with database.transaction() as conn:
                page = await STORE.search(conn, parse("Observation", asked), scope=seeing(*patients))
            answered += [one["id"] for one in page.matches]
            cursor, total = page.next, page.total
        assert (sorted(answered), total) == (expected, len(expected)), (seed, form, more)
