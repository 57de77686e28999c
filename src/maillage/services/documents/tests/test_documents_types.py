"""The types of documents against the official value set."""

from pathlib import Path

import pytest
from lxml import etree

from maillage.services.documents.resources.document_types import REVISION, TYPES

pytestmark = pytest.mark.conformance

FILE = "code-systems/JDV_J07_XdsTypeCode_CISIS.xml"
SVS = {"s": "urn:ihe:iti:svs:2008"}


def test_the_types_are_those_of_the_official_revision(shared_data: Path) -> None:
    value_set = etree.parse(shared_data / FILE).find(".//s:ValueSet", SVS)
    assert (value_set.get("revisionDate") or "")[:10] == REVISION
    official = {(one.get("codeSystem"), one.get("code")) for one in value_set.iterfind(".//s:Concept", SVS)}
    assert {(system, code) for system, codes in TYPES.items() for code in codes} == official
