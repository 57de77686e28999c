"""A published plan as CDA R2: header of the CI-SIS minimal structure (CI-SIS, volet Structuration minimale 1.16), a body of sections with entries.

The document is of type 18776-5; its section of goals and actions is the « Plan de soins » of the CI-SIS models of content (1.2.250.1.213.1.1.2.158).
"""

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from lxml import etree
from lxml.builder import ElementMaker

from maillage.clock import PARIS
from maillage.services.coordination.resources.action import Action
from maillage.services.coordination.resources.plan import Plan
from maillage.services.coordination.resources.position import Position
from maillage.services.coordination.rules.plan import Disagreement
from maillage.services.identity.public import Ins, Traits

HL7, XSI = "urn:hl7-org:v3", "http://www.w3.org/2001/XMLSchema-instance"
LOINC, NOS = "2.16.840.1.113883.6.1", "1.2.250.1.213.1.1.4.5"
IDNPS, IDNST, SECTORS = "1.2.250.1.71.4.2.1", "1.2.250.1.71.4.2.2", "1.2.250.1.71.4.2.4"
PLAN, TITLE = "18776-5", "Plan personnalisé de coordination en santé"
_NAMES = uuid.UUID("a1b5f0f2-6f0b-4f6d-8a43-6f5f2a9b7c10")
"""Names from which the ids of documents are made: the same version of the same plan is the same document, however often it is written."""

OWN = f"2.25.{_NAMES.int}"
"""Our arc: of people and structures that have no national number, and of the patients of this installation."""
MODEL = f"2.25.{uuid.uuid5(_NAMES, 'model').int}"
"""The model of this document: none of the CI-SIS is about plans of coordination, and its structure asks for one."""

Node = Any
"""An element, as lxml has it: its builder has no types."""
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _write(node: Node, text: str) -> None:
    """Puts words into an element, without what XML does not allow: a character that a person cannot see keeps no plan from being published."""
    clean = NOT_XML.sub("", text)
    if len(node):
        node[-1].tail = (node[-1].tail or "") + clean
    else:
        node.text = (node.text or "") + clean


def _mark(node: Node, attributes: dict[str, str]) -> None:
    for name, value in attributes.items():
        node.set(name, NOT_XML.sub("", value))


E = ElementMaker(namespace=HL7, nsmap={None: HL7, "xsi": XSI}, typemap={str: _write, dict: _mark})


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who acts: `number` is an IDNPS (8 + RPPS) or nothing, `own` the id here, `profession` a code of TRE_G15 with its words."""

    family: str
    own: str = "equipe"
    given: str = ""
    number: str = ""
    profession: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """The team: `number` is an IDNST (1 + FINESS) or nothing, `own` the id here, `sector` a code of TRE_R02 with its words."""

    name: str
    own: str = "equipe"
    number: str = ""
    sector: str = "SA57"
    words: str = "Dispositif d’appui à la coordination"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """All that a document says. `ins` only where the identity is qualified; `circle` are (name, part played) of the members; `allergies` what
    the banner says of them, for the paper."""

    plan: Plan
    number: int
    at: datetime
    patient: str
    traits: Traits
    ins: Ins | None
    author: Person
    structure: Structure
    circle: Sequence[tuple[str, str]]
    agreement: Position | None
    disagreements: Sequence[Disagreement]
    owners: dict[str, str]
    allergies: str = ""


def document_id(plan: str, number: int) -> str:
    """The OID of the document of a version."""
    return f"2.25.{uuid.uuid5(_NAMES, f'{plan}/{number}').int}"


def cda(one: Published) -> bytes:
    """The document's bytes in UTF-8. The same values give the same bytes."""
    replaced = [_replaces(one)] if one.number > 1 else []
    root = E.ClinicalDocument(
        *_opening(one), _record_target(one), _author(one), _custodian(one), _authenticator(one), *map(_member, one.circle), _service(one),
        *replaced, _encounter(one), E.component(E.structuredBody(*(E.component(section) for section in _sections(one)))),
    )  # fmt: skip
    found: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return found


def _opening(one: Published) -> Iterable[Node]:
    yield E.realmCode(code="FR")
    yield E.typeId(root="2.16.840.1.113883.1.3", extension="POCD_HD000040")
    yield E.templateId(root="2.16.840.1.113883.2.8.2.1")
    yield E.templateId(root="1.2.250.1.213.1.1.1.1")
    yield E.templateId(root=MODEL, extension="1")
    yield E.id(root=document_id(one.plan.id, one.number))
    yield E.code(code=PLAN, displayName="Plan personnalisé de soins", codeSystem=LOINC, codeSystemName="LOINC")
    yield E.title(f"{TITLE}, version {one.number}")
    yield E.effectiveTime(value=_time(one.at))
    yield E.confidentialityCode(code="N", displayName="Normal", codeSystem="2.16.840.1.113883.5.25")
    yield E.languageCode(code="fr-FR")
    yield E.setId(root=document_id(one.plan.id, 0))
    yield E.versionNumber(value=str(one.number))


def _record_target(one: Published) -> Node:
    said, local = one.traits, E.id(root=OWN, extension=one.patient)
    ids = [E.id(root=one.ins.root, extension=one.ins.matricule), local] if one.ins else [local]
    names = [E.family(said.birth_name.upper(), qualifier="BR"), E.given((said.given_names or said.first_given).upper())]
    names.append(E.given(said.first_given.upper(), qualifier="BR"))
    if said.used_name:
        names.append(E.family(said.used_name.upper(), qualifier="CL"))
    if said.used_given:
        names.append(E.given(said.used_given.upper(), qualifier="CL"))
    sex = {"female": ("F", "Féminin"), "male": ("M", "Masculin")}.get(said.sex, ("UN", "Inconnu"))
    patient = E.patient(
        E.name(*names),
        E.administrativeGenderCode(code=sex[0], displayName=sex[1], codeSystem="2.16.840.1.113883.5.1"),
        E.birthTime(value=said.birth_date.replace("-", "")) if said.birth_date else E.birthTime(nullFlavor="UNK"),
        *([E.birthplace(E.place(E.addr(E.county(said.birth_place))))] if said.birth_place else []),
    )
    phone = said.phone.replace(" ", "")
    telecom = E.telecom(value=f"tel:{phone}", use="MC") if phone else E.telecom(nullFlavor="NAV")
    return E.recordTarget(E.patientRole(*ids, E.addr(nullFlavor="NAV"), telecom, patient))


def _author(one: Published) -> Node:
    return E.author(
        E.time(value=_time(one.at)),
        E.assignedAuthor(*_who(one.author), E.addr(nullFlavor="NAV"), E.telecom(nullFlavor="NAV"), _person(one.author),
                         E.representedOrganization(*_structure(one.structure))),
    )  # fmt: skip


def _custodian(one: Published) -> Node:
    return E.custodian(E.assignedCustodian(E.representedCustodianOrganization(*_structure(one.structure, contact=True))))


def _authenticator(one: Published) -> Node:
    entity = E.assignedEntity(
        *_who(one.author), E.addr(nullFlavor="NAV"), E.telecom(nullFlavor="NAV"), _person(one.author),
        E.representedOrganization(*_structure(one.structure)),
    )  # fmt: skip
    return E.legalAuthenticator(E.time(value=_time(one.at)), E.signatureCode(code="S"), entity)


def _member(member: tuple[str, str]) -> Node:
    """A member of the circle: they are informed."""
    name, part = member
    function = E.functionCode(code="CORRE", displayName="Correspondant", codeSystem="1.2.250.1.213.1.1.4.2.280")
    function.append(E.originalText(part or "Membre du cercle de soins"))
    time = E.time(nullFlavor="UNK")
    time.set(f"{{{XSI}}}type", "IVL_TS")
    given, _, family = name.rpartition(" ")
    parts = [*([E.given(given)] if given else []), E.family(family)]
    entity = E.associatedEntity(
        E.addr(nullFlavor="NAV"), E.telecom(nullFlavor="NAV"), E.associatedPerson(E.name(*parts)), classCode="PROV"
    )
    return E.participant(function, time, entity, typeCode="INF")


def _service(one: Published) -> Node:
    low = E.low(value=_time(one.at))
    organization = E.representedOrganization(
        *_structure(one.structure),
        E.standardIndustryClassCode(
            code="AMBULATOIRE", displayName="Ambulatoire", codeSystem="1.2.250.1.213.1.1.4.9", codeSystemName="TRE_A01"
        ),
    )
    entity = E.assignedEntity(
        *_who(one.author), E.addr(nullFlavor="NAV"), E.telecom(nullFlavor="NAV"), _person(one.author), organization
    )
    return E.documentationOf(E.serviceEvent(E.effectiveTime(low), E.performer(entity, typeCode="PRF")))


def _replaces(one: Published) -> Node:
    return E.relatedDocument(E.parentDocument(E.id(root=document_id(one.plan.id, one.number - 1))), typeCode="RPLC")


def _encounter(one: Published) -> Node:
    facility = E.healthCareFacility(E.code(code=one.structure.sector, displayName=one.structure.words, codeSystem=SECTORS))
    return E.componentOf(E.encompassingEncounter(E.effectiveTime(E.low(value=_time(one.at))), E.location(facility)))


def _who(person: Person) -> list[Node]:
    code = E.code(code=f"G15_{person.profession}", displayName=person.words or "Professionnel de santé", codeSystem=NOS)
    known = E.id(root=IDNPS, extension=person.number) if person.number else E.id(root=OWN, extension=person.own)
    other = E.code(code="312", displayName="Autre professionnel", codeSystem="1.2.250.1.213.1.6.1.107")
    return [known, code if person.profession else other]


def _person(person: Person) -> Node:
    return E.assignedPerson(E.name(*([E.given(person.given)] if person.given else []), E.family(person.family)))


def _structure(one: Structure, *, contact: bool = False) -> list[Node]:
    """A structure without a national number is named; the custodian needs an id (`contact`), so it gets ours."""
    known = [E.id(root=IDNST, extension=one.number)] if one.number else [E.id(root=OWN, extension=one.own)] if contact else []
    reach = [E.telecom(nullFlavor="NAV"), E.addr(nullFlavor="NAV")] if contact else []
    return [*known, E.name(one.name), *reach]


def _sections(one: Published) -> Iterable[Node]:
    plan = one.plan
    if plan.own:
        said = [f"« {plan.own.words} »", plan.own.collected]
        yield _section("55112-7", "Ce qui compte pour la personne", *_paragraphs(said))
    if plan.synthesis or plan.problems:
        yield _section("11450-4", "Situation et problèmes", *_paragraphs([plan.synthesis]), *_list(plan.problems))
    yield _goals(one)
    if plan.left:
        rows = [(goal.words, goal.outcome, goal.reason) for goal in plan.left]
        yield _section("55112-7", "Objectifs non poursuivis", _table(("Objectif", "Ce qu’il en est", "Pourquoi"), rows))
    yield _section("55112-7", "Accord de la personne", *_paragraphs(_agreement(one)))
    if one.disagreements:
        yield _section("55112-7", "Désaccords", *(part for each in one.disagreements for part in _dispute(each)))
    followed = [
        f"Coordonné par {plan.coordinator_name}" if plan.coordinator_name else "",
        f"À revoir le {_day(plan.review)}" if plan.review else "",
        f"En cas d’alerte : {plan.alert}" if plan.alert else "",
    ]
    yield _section("55112-7", "Suivi", *_paragraphs(followed))


def _goals(one: Published) -> Node:
    """Goals and actions, in words and as entries: an action is an act that is intended."""
    rows, entries = [], []
    for place, (goal, action) in enumerate(_rows(one.plan)):
        name = f"action-{place}"
        who = one.owners.get(action.owner or "", action.owner_name) or ("À pourvoir" if action.unfilled else "")
        rows.append((goal, action.what, who, action.how, _day(action.due[:10]), action.words, name))
        entries.append(_act(action, name))
    columns = ("Objectif", "Action", "Qui", "Combien, rythme", "Avant le", "État")
    aims = [
        ", ".join(filter(None, (goal.words, goal.measure, goal.target if goal.target != goal.measure else "", f"au {_day(goal.due)}" if goal.due else "")))
        for goal in one.plan.pursued
    ]  # fmt: skip
    section = _section("18776-5", "Objectifs et actions", *_list(aims), *([_table(columns, rows)] if rows else []))
    for place, root in enumerate(("2.16.840.1.113883.10.20.1.10", "1.3.6.1.4.1.19376.1.5.3.1.3.36", "1.2.250.1.213.1.1.2.158")):
        section.insert(place, E.templateId(root=root))
    section.extend(E.entry(entry) for entry in entries)
    return section


def _rows(plan: Plan) -> Iterable[tuple[str, Action]]:
    for goal in plan.pursued:
        yield from ((goal.words, action) for action in plan.actions_for(goal.reference))
    yield from (("", action) for action in plan.other_actions)


def _act(action: Action, name: str) -> Node:
    code = E.code(nullFlavor="NA")
    code.append(E.originalText(E.reference(value=f"#{name}")))
    status = "completed" if action.status == "completed" else "cancelled" if action.over else "active"
    act = E.act(
        E.id(root=f"2.25.{uuid.uuid5(_NAMES, action.key).int}"), code, E.text(E.reference(value=f"#{name}")), E.statusCode(code=status),
        classCode="ACT", moodCode="INT",
    )  # fmt: skip
    if len(action.due) >= len("2026-01-01"):
        act.append(E.effectiveTime(E.high(value=action.due[:10].replace("-", ""))))
    return act


def _agreement(one: Published) -> list[str]:
    said = one.agreement
    if said is None:
        return ["L’accord de la personne n’est pas encore recueilli."]
    who = "La personne" if said.of_the_person else f"{said.of_name or 'Un représentant'}, qui représente la personne,"
    words = f"{who} {'est d’accord' if said.kind == 'agreed' else 'refuse'}"
    return [
        f"{words}, {said.how.lower() or 'sans précision'}, le {_day(said.at[:10])}.",
        f"« {said.words} »" if said.words else "",
    ]


def _dispute(one: Disagreement) -> Iterable[Node]:
    for said in (one.said, *one.answers):
        who = "la personne" if said.of_the_person else said.of_name or said.by_name
        yield E.paragraph(f"{said.label}, {who}, le {_day(said.at[:10])} : « {said.words} »")


def _section(code: str, title: str, *parts: Node) -> Node:
    text = E.text(*(parts or [E.paragraph("Rien à signaler.")]))
    return E.section(E.code(code=code, displayName=title, codeSystem=LOINC, codeSystemName="LOINC"), E.title(title), text)


def _paragraphs(lines: Iterable[str]) -> list[Node]:
    return [E.paragraph(line) for line in lines if line]


def _list(lines: Sequence[str]) -> list[Node]:
    return [E.list(*(E.item(line) for line in lines))] if lines else []


def _table(columns: Sequence[str], rows: Iterable[tuple[str, ...]]) -> Node:
    """A table; a row with one value more than columns has it as its ID."""
    body = []
    for row in rows:
        cells = E.tr(*(E.td(cell) for cell in row[: len(columns)]))
        if len(row) > len(columns):
            cells.set("ID", row[-1])
        body.append(cells)
    return E.table(E.thead(E.tr(*(E.th(column) for column in columns))), E.tbody(*body))


def _day(text: str) -> str:
    """A FHIR date as JJ/MM/AAAA, as it is where it is not whole."""
    try:
        return f"{date.fromisoformat(text):%d/%m/%Y}"
    except ValueError:
        return text


def _time(at: datetime) -> str:
    return at.astimezone(PARIS).strftime("%Y%m%d%H%M%S%z")
