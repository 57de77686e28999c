"""CDA R2 documents of the territory, level 1 (a PDF) and level 3 (sections), after the CI-SIS minimal structure (SPECS §3)."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

from maillage.demo.numbers import resource_id
from maillage.demo.paper import pdf
from maillage.demo.people import Person
from maillage.demo.professionals import Professional

LOINC = "2.16.840.1.113883.6.1"
ATC = "2.16.840.1.113883.6.73"
DOCUMENT_OID = "1.2.250.1.213.9999.51"
"""Arc of the demonstration's document identifiers."""


@dataclass(frozen=True, slots=True)
class Model:
    """A type of document: LOINC code of JDV_J07, title, class of the stay, sections when it is level 3."""

    code: str
    words: str
    template: str = ""
    encounter: str = "AMB"


DISCHARGE = Model("11490-0", "Lettre de liaison à la sortie d’un établissement de soins", "1.2.250.1.213.1.1.1.29", "IMP")
REPORT = Model("34112-3", "Compte rendu hospitalier", encounter="IMP")
CONSULTATION = Model("11488-4", "Compte rendu de consultation")
LABORATORY = Model("11502-2", "Compte rendu d’examens biologiques")
IMAGING = Model("18748-4", "Compte rendu d’imagerie médicale")
SUMMARY = Model("60591-5", "Synthèse médicale")
PRESCRIPTION = Model("57833-6", "Prescription de produits de santé")
MODELS = (CONSULTATION, LABORATORY, IMAGING, REPORT, PRESCRIPTION, SUMMARY)


@dataclass(frozen=True, slots=True)
class Drug:
    """A medication as an entry: its name, ATC code, how many at once (tablets), every how many hours; 0 where it is not taken any more."""

    name: str
    atc: str
    tablets: int = 0
    hours: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """A section: LOINC code, title, paragraphs, medications."""

    code: str
    title: str
    paragraphs: tuple[str, ...]
    drugs: tuple[Drug, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """One document: what it is, about whom, by whom, when, and what it says (sections: level 3, else a PDF)."""

    key: str
    model: Model
    person: Person
    author: Professional
    at: datetime
    lines: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    started: datetime | None = None

    @property
    def id(self) -> str:
        return resource_id("DocumentReference", self.key)


def cda(letter: Letter) -> bytes:
    """The document's bytes in UTF-8."""
    body = _sections(letter.sections) if letter.sections else _non_xml(letter)
    parts = [_opening(letter), _record_target(letter.person), _author(letter), _custodian(letter), _authenticator(letter)]
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', *parts, _service(letter), _encounter(letter), body]).encode()


def _opening(letter: Letter) -> str:
    templates = ["2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1"]
    if not letter.sections:
        templates.append("1.3.6.1.4.1.19376.1.2.20")
    lines = [f'<templateId root="{root}"/>' for root in templates]
    if letter.sections and letter.model.template:
        lines.append(f'<templateId root="{letter.model.template}" extension="2022.01"/>')
    title = escape(letter.model.words)
    return f"""<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<realmCode code="FR"/>
<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
{chr(10).join(lines)}
<id root="{DOCUMENT_OID}" extension="{letter.id}"/>
<code code="{letter.model.code}" displayName={quoteattr(letter.model.words)} codeSystem="{LOINC}" codeSystemName="LOINC"/>
<title>{title}</title>
<effectiveTime value="{_time(letter.at)}"/>
<confidentialityCode code="N" displayName="Normal" codeSystem="2.16.840.1.113883.5.25"/>
<languageCode code="fr-FR"/>
<setId root="{DOCUMENT_OID}" extension="{letter.id}"/>
<versionNumber value="1"/>"""


def _record_target(person: Person) -> str:
    said = person.traits
    ins = f'<id root="{person.ins.root}" extension="{person.ins.matricule}"/>\n' if person.ins else ""
    used = f'<family qualifier="CL">{escape(said.used_name)}</family>' if said.used_name else ""
    used += f'<given qualifier="CL">{escape(said.used_given)}</given>' if said.used_given else ""
    sex = ("F", "Féminin") if said.sex == "female" else ("M", "Masculin")
    return f"""<recordTarget><patientRole>
{ins}<id root="1.2.250.1.213.9999.52" extension="{person.id}"/>
<addr use="H"><streetAddressLine>{escape(person.street)}</streetAddressLine><postalCode>{person.home.postal_code}</postalCode>\
<city>{escape(person.home.name)}</city></addr>
<telecom value="tel:{said.phone.replace(" ", "")}" use="MC"/>
<patient><name><family qualifier="BR">{escape(said.birth_name.upper())}</family><given>{escape(said.given_names.upper())}</given>\
<given qualifier="BR">{escape(said.first_given.upper())}</given>{used}</name>
<administrativeGenderCode code="{sex[0]}" displayName="{sex[1]}" codeSystem="2.16.840.1.113883.5.1"/>
<birthTime value="{said.birth_date.replace("-", "")}"/>
<birthplace><place><addr><county>{said.birth_place}</county></addr></place></birthplace></patient>
</patientRole></recordTarget>"""


def _author(letter: Letter) -> str:
    one = letter.author
    code = f"G15_{one.profession}" + (f"/{one.skill}" if one.skill else "")
    return f"""<author><time value="{_time(letter.at)}"/><assignedAuthor>
{_professional_id(one)}
<code code="{code}" displayName={quoteattr(one.title)} codeSystem="1.2.250.1.213.1.1.4.5"/>
{_assigned_person(one)}
<representedOrganization>{_organization(one)}</representedOrganization>
</assignedAuthor></author>"""


def _custodian(letter: Letter) -> str:
    return f"""<custodian><assignedCustodian><representedCustodianOrganization>{_organization(letter.author)}\
</representedCustodianOrganization></assignedCustodian></custodian>"""


def _authenticator(letter: Letter) -> str:
    return f"""<legalAuthenticator><time value="{_time(letter.at)}"/><signatureCode code="S"/><assignedEntity>
{_professional_id(letter.author)}
{_assigned_person(letter.author)}
</assignedEntity></legalAuthenticator>"""


def _service(letter: Letter) -> str:
    started = letter.started or letter.at
    setting = "ETABLISSEMENT" if letter.author.structure.sector in ("SA01", "SA04") else "AMBULATOIRE"
    return f"""<documentationOf><serviceEvent>
<effectiveTime><low value="{_time(started)}"/><high value="{_time(letter.at)}"/></effectiveTime>
<performer typeCode="PRF"><assignedEntity>{_professional_id(letter.author)}
{_assigned_person(letter.author)}
<representedOrganization>{_organization(letter.author)}\
<standardIndustryClassCode code="{setting}" displayName="{setting.title()}" codeSystem="1.2.250.1.213.1.1.4.9"/></representedOrganization>
</assignedEntity></performer></serviceEvent></documentationOf>"""


def _encounter(letter: Letter) -> str:
    started = letter.started or letter.at
    one = letter.author.structure
    code = "IMP" if letter.model.encounter == "IMP" else "AMB"
    return f"""<componentOf><encompassingEncounter>
<code code="{code}" codeSystem="2.16.840.1.113883.5.4"/>
<effectiveTime><low value="{_time(started)}"/><high value="{_time(letter.at)}"/></effectiveTime>
<location><healthCareFacility><id root="1.2.250.1.71.4.2.2" extension="1{one.finess}"/>\
<code code="{one.sector}" displayName={quoteattr(one.sector_name)} codeSystem="1.2.250.1.71.4.2.4"/></healthCareFacility></location>
</encompassingEncounter></componentOf>"""


def _non_xml(letter: Letter) -> str:
    said = letter.person.traits
    who = f"{said.birth_name.upper()} {said.first_given}, né(e) le {'/'.join(reversed(said.birth_date.split('-')))}"
    page = pdf(letter.model.words, [who, "", *letter.lines, "", f"{letter.author.name}, {letter.author.structure.name}"])
    text = base64.b64encode(page).decode()
    return f'<component><nonXMLBody><text mediaType="application/pdf" representation="B64">{text}</text></nonXMLBody></component></ClinicalDocument>'


def _sections(sections: Sequence[Section]) -> str:
    written = "\n".join(_section(section) for section in sections)
    return f"<component><structuredBody>\n{written}\n</structuredBody></component></ClinicalDocument>"


def _section(section: Section) -> str:
    text = "".join(f"<paragraph>{escape(paragraph)}</paragraph>" for paragraph in section.paragraphs)
    return f"""<component><section><code code="{section.code}" displayName={quoteattr(section.title)} codeSystem="{LOINC}"/>\
<title>{escape(section.title)}</title><text>{text}</text>{"".join(map(_drug, section.drugs))}</section></component>"""


def _drug(one: Drug) -> str:
    often = (
        f'<effectiveTime xsi:type="PIVL_TS" operator="A"><period value="{one.hours}" unit="h"/></effectiveTime>'
        if one.hours
        else ""
    )
    dose = f'<doseQuantity value="{one.tablets}" unit="{{tbl}}"/>' if one.tablets else ""
    return f"""<entry><substanceAdministration classCode="SBADM" moodCode="INT">\
<statusCode code="completed"/>{often}{dose}<consumable><manufacturedProduct><manufacturedMaterial>\
<code code="{one.atc}" codeSystem="{ATC}" displayName={quoteattr(one.name)}/><name>{escape(one.name)}</name>\
</manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration></entry>"""


def _professional_id(one: Professional) -> str:
    return f'<id root="1.2.250.1.71.4.2.1" extension="8{one.rpps}"/>'


def _assigned_person(one: Professional) -> str:
    suffix = "<suffix>DR</suffix>" if one.prefix else ""
    return f"<assignedPerson><name><given>{escape(one.given)}</given><family>{escape(one.family)}</family>{suffix}</name></assignedPerson>"


def _organization(one: Professional) -> str:
    place = one.structure
    return f"""<id root="1.2.250.1.71.4.2.2" extension="1{place.finess}"/><name>{escape(place.name)}</name>\
<addr><postalCode>{place.commune.postal_code}</postalCode><city>{escape(place.commune.name)}</city></addr>"""


def _time(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S%z")
