"""The CDA of a plan against the national schematrons of the CI-SIS. They are fetched by whoever runs this (`MAILLAGE_TEST_SCHEMATRONS`: the folder that holds
`schematrons/`, `jeuxDeValeurs/` and `infrastructure/`, of the public repository ansforge/TestContenuCDA-3-0) and need `saxonche`; neither is part of this project, and without them this skips."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from lxml import etree

from maillage.services.coordination.resources.action import Action
from maillage.services.coordination.resources.goal import Goal
from maillage.services.coordination.resources.plan import Plan
from maillage.services.coordination.resources.plan_cda import Person, Published, Structure, cda
from maillage.services.coordination.resources.position import Position
from maillage.services.coordination.rules.plan import Disagreement
from maillage.services.documents.resources.document_types import TYPES
from maillage.services.identity.public import Ins, Root, Traits, with_key

SVRL = "{http://purl.oclc.org/dsdl/svrl}"
STEPS = ("iso_dsdl_include.xsl", "iso_abstract_expand.xsl", "iso_svrl_for_xslt2.xsl")
MINIMUM, PCC, CONTENT = (
    "profils/structurationMinimale/ASIP-STRUCT-MIN-StrucMin",
    "profils/IHE",
    "profils/CI-SIS_ModelesDeContenusCDA",
)
NOT_PUBLISHED = "voc-1.2.250.1.213.1.1.5.471-DYNAMIC.xml"
"""The table of JDV_J07 that the schematron asks for and the repository does not hold: it is written from ours, which is the one that the ANS publishes."""


def published() -> Published:
    """The second version of a plan with one of everything."""
    said = Position(
        id="1",
        kind="contested",
        of="Patient/p",
        by="Practitioner/l",
        by_name="Lise MAQUETTE",
        of_name="",
        words="Trop tôt",
        at="2026-11-12T10:00:00Z",
    )
    plan = Plan(
        id="0b6ff8a2-2f6c-4d2c-9f0e-2d3c4a5b6c7d", version=4, patient="p", status="active", synthesis="Seule depuis l’été", alert="Appeler le 15",
        review="2027-02-01", coordinator_name="Lise MAQUETTE", problems=["Diabète de type 2"],
        goals=[Goal(id="g", version=1, words="Fermer la plaie", lifecycle="active", target="Sous 1 cm²", due="2027-01-15"),
               Goal(id="o", version=1, words="Remarcher jusqu’au jardin", lifecycle="active", own_words=True, collected="Recueilli à domicile"),
               Goal(id="x", version=1, words="Retravailler", lifecycle="rejected", reason="Attendre le printemps")],
        actions=[Action(key="Task/1", what="Pansement", status="in-progress", how="un jour sur deux", owner="Practitioner/n", due="2026-12-20", goal="Goal/g"),
                 Action(key="a-1", what="Semelle", status="not-started")],
    )  # fmt: skip
    return Published(
        plan=plan, number=2, at=datetime(2026, 11, 23, 12, tzinfo=UTC), patient="p",
        traits=Traits("PAT-TROIS", "DOMINIQUE MARIE-LOUISE", "DOMINIQUE", "1979-03-28", "female", "51215", phone="06 39 98 00 01"),
        ins=Ins(with_key("2790351215189"), Root.NIR_TEST), author=Person(family="MAQUETTE", given="Lise", number="810000000004", profession="60", words="Infirmier"),
        structure=Structure(name="DAC des Essais", number="1510000000"), circle=[("Dr Camille EXEMPLE", "Médecin traitant")], agreement=None,
        disagreements=[Disagreement(said, [])], owners={"Practitioner/n": "Nora FICTIVE"},
    )  # fmt: skip


def bare() -> Published:
    """The first version of an empty plan, of somebody and by a team of whom next to nothing is known."""
    plan = Plan(id="0b6ff8a2-2f6c-4d2c-9f0e-2d3c4a5b6c7e", version=1, patient="p", status="active")
    return replace(
        published(), plan=plan, number=1, traits=Traits("PAT-TROIS", "", "DOMINIQUE", "", "unknown", ""), ins=None,
        author=Person(family="Équipe de coordination"), structure=Structure(name="Équipe de coordination"), circle=[], disagreements=[],
    )  # fmt: skip


def odd() -> Published:
    """What people and other software write: characters that XML has not, dates that are not whole, a name in one word, names that are used."""
    agreed = Position(
        id="2", kind="agreed", of="Patient/p", by="Practitioner/l", by_name="Lise MAQUETTE", of_name="", words="Oui\x0b", at="2026-11-12T10:00:00Z",
        medium="FACE",
    )  # fmt: skip
    whole = published()
    plan = replace(
        whole.plan, synthesis="Seule\x0b depuis\ufffe l’été", goals=[Goal(id="g", version=1, words="Marcher\x00", lifecycle="active", due="2027")],
        actions=[Action(key="Task/1", what="Pansement", status="requested", due="2026"),
                 Action(key="Task/2", what="Semelle", status="requested", due="2026-12-20T18:00:00+01:00")],
    )  # fmt: skip
    traits = replace(whole.traits, birth_date="1979-03", sex="other", used_name="EXEMPLE", used_given="DOM", phone="")
    return replace(whole, plan=plan, traits=traits, circle=[("EXEMPLE", ""), ("", "")], agreement=agreed)


@pytest.fixture(scope="module")
def tools() -> Path:
    """The folder of the national tools. One of their files is named in other letters than it is included: the link that a Mac or Windows does not need is made."""
    folder = Path(os.environ.get("MAILLAGE_TEST_SCHEMATRONS", ""))
    if not (folder / "schematrons").is_dir() or folder == Path():
        pytest.skip("the schematrons of the CI-SIS are not here (MAILLAGE_TEST_SCHEMATRONS)")
    entries = folder / "schematrons/include/entrees"
    if not (wanted := entries / "E_directiveAnticipee_int.sch").exists():
        wanted.symlink_to("E_directiveanticipee_int.sch")
    return folder


@pytest.mark.parametrize("document", [published, odd])
@pytest.mark.parametrize(("name", "rules"), [(MINIMUM, 90), (PCC, 1), (CONTENT, 2)])
def test_the_plan_holds_to_the_national_schematrons(
    tools: Path, tmp_path: Path, name: str, rules: int, document: Callable[[], Published]
) -> None:
    failed, fired = _failed(tools, name, cda(document()), tmp_path)
    assert failed == []
    assert len(fired) >= rules


def test_the_section_of_goals_is_looked_at_as_the_plan_of_care_that_it_is(tools: Path, tmp_path: Path) -> None:
    _, fired = _failed(tools, PCC, cda(published()), tmp_path)
    assert any("1.3.6.1.4.1.19376.1.5.3.1.3.36" in one for one in fired)


def test_what_nobody_knows_of_a_person_or_a_team_is_all_that_is_missing(tools: Path, tmp_path: Path) -> None:
    failed, _ = _failed(tools, MINIMUM, cda(bare()), tmp_path)
    assert sorted(str(place).rpartition("/")[2] for place, _ in failed) == ["birthTime", "id"]
    assert "representedCustodianOrganization/id" in str(sorted(failed)[0][0])
    assert _failed(tools, PCC, cda(bare()), tmp_path)[0] == _failed(tools, CONTENT, cda(bare()), tmp_path)[0] == []


@pytest.mark.parametrize(
    ("name", "right", "wrong", "said"),
    [
        (MINIMUM, b'code="18776-5"', b'code="0-0"', "JDV_J07_XdsTypeCode_CISIS"),
        (PCC, b'templateId root="2.16.840.1.113883.10.20.1.10"', b'templateId root="1.1"', "2.16.840.1.113883.10.20.1.10"),
        (CONTENT, b'code="F" displayName', b'code="X" displayName', "administrativeGenderCode"),
    ],
)
def test_a_plan_that_is_written_wrongly_does_not(
    tools: Path, tmp_path: Path, name: str, right: bytes, wrong: bytes, said: str
) -> None:
    failed, _ = _failed(tools, name, cda(published()).replace(right, wrong, 1), tmp_path)
    assert any(said in words for _, words in failed)


def test_the_plan_is_of_the_national_schema(tools: Path) -> None:
    schema = etree.XMLSchema(etree.parse(tools / "infrastructure/cda/CDA_extended.xsd"))
    for one in (published(), odd(), bare()):
        schema.assertValid(etree.fromstring(cda(one)))
    assert not schema.validate(etree.fromstring(cda(published()).replace(b"setId", b"sortId")))


def _failed(tools: Path, name: str, document: bytes, folder: Path) -> tuple[list[tuple[str | None, str]], list[str]]:
    """Where a document breaks which rule, and what the rules that looked at it are about."""
    saxon = pytest.importorskip("saxonche")
    (folder / "plan.xml").write_bytes(document)
    with saxon.PySaxonProcessor(license=False) as processor:
        report = _report(processor, tools / "schematrons", name, folder / "plan.xml", folder)
    failed = report.iter(f"{SVRL}failed-assert")
    said = [(one.get("location"), " ".join("".join(one.itertext()).split())) for one in failed]
    return said, [one.get("context", "") for one in report.iter(f"{SVRL}fired-rule")]


def _report(processor: Any, schematrons: Path, name: str, document: Path, folder: Path) -> ElementTree.Element:
    """What a schematron says of a document. It is compiled beside its source, where what it includes is."""
    source = schematrons / f"{name}.sch"
    if name.endswith("StrucMin") and not (table := source.parent / "include" / NOT_PUBLISHED).exists():
        concepts = "".join(f'<concept code="{code}"/>' for codes in TYPES.values() for code in sorted(codes))
        table.write_text(f"<valueSets><valueSet><conceptList>{concepts}</conceptList></valueSet></valueSets>")
    compiled = source
    for place, step in enumerate(STEPS):
        following = source.with_suffix(f".maillage{place}.xsl")
        if not following.exists():
            _transform(processor, schematrons / "moteur" / step, compiled, following)
        compiled = following
    _transform(processor, compiled, document, folder / "report.svrl")
    return ElementTree.parse(folder / "report.svrl").getroot()  # our own report


def _transform(processor: Any, stylesheet: Path, source: Path, result: Path) -> None:
    executable = processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(stylesheet))
    executable.transform_to_file(source_file=str(source), output_file=str(result))
