"""The CDA of a plan against the national schematrons of the CI-SIS. They are fetched by whoever runs this (`MAILLAGE_TEST_SCHEMATRONS`: the folder that holds
`schematrons/`, of the public repository ansforge/TestContenuCDA-3-0) and need `saxonche`; neither is part of this project, and without them this skips."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

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
MINIMUM = "profils/structurationMinimale/ASIP-STRUCT-MIN-StrucMin"
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


@pytest.fixture
def schematrons() -> Path:
    folder = os.environ.get("MAILLAGE_TEST_SCHEMATRONS", "")
    if not folder or not (Path(folder) / "schematrons").is_dir():
        pytest.skip("the schematrons of the CI-SIS are not here (MAILLAGE_TEST_SCHEMATRONS)")
    return Path(folder) / "schematrons"


@pytest.mark.parametrize("name", [MINIMUM, "profils/IHE", "profils/CI-SIS_ModelesDeContenusCDA"])
def test_the_plan_holds_to_the_national_schematrons(schematrons: Path, tmp_path: Path, name: str) -> None:
    failed, fired = _failed(schematrons, name, cda(published()), tmp_path)
    assert failed == []
    assert fired


def test_a_plan_of_a_type_that_is_none_does_not(schematrons: Path, tmp_path: Path) -> None:
    failed, _ = _failed(schematrons, MINIMUM, cda(published()).replace(b'code="18776-5"', b'code="0-0"', 1), tmp_path)
    assert any("JDV_J07_XdsTypeCode_CISIS" in words for _, words in failed)


def _failed(schematrons: Path, name: str, document: bytes, folder: Path) -> tuple[list[tuple[str | None, str]], int]:
    """Where a document breaks which rule, and how many rules looked at it."""
    saxon = pytest.importorskip("saxonche")
    (folder / "plan.xml").write_bytes(document)
    with saxon.PySaxonProcessor(license=False) as processor:
        report = _report(processor, schematrons, name, folder / "plan.xml", folder)
    failed = [one for one in report.iter(f"{SVRL}failed-assert") if one.get("role") != "warning"]
    said = [(one.get("location"), " ".join("".join(one.itertext()).split())) for one in failed]
    return said, len(list(report.iter(f"{SVRL}fired-rule")))


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
