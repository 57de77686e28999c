"""FHIR Patient ↔ what the rules read: traits, INS, facility identifiers, reliability."""

from collections.abc import Iterator, Mapping
from typing import Any

from maillage.services.identity.resources import systems
from maillage.services.identity.rules.ins import Ins, Root, claims_to_be_ins, usable
from maillage.services.identity.rules.matching import Claim, Identifier
from maillage.services.identity.rules.status import VALIDATED_CODES, IdentityStatus, status_of
from maillage.services.identity.rules.traits import Traits, normal

Resource = dict[str, Any]

PERSON_TYPES = frozenset({"PI", "MR", "PT", "PN", "RRI", ""})
"""Identifier types (v2-0203) by which a facility knows a person; a visit or a social security number does not tell."""


def claim_of(patient: Mapping[str, Any], *, origin: str = "") -> Claim:
    """What this Patient says of the person."""
    return Claim(
        traits=traits_of(patient),
        ins=ins_of(patient),
        identifiers=tuple(identifiers_of(patient)),
        reliability=reliability_of(patient),
        origin=origin,
        organization=patient.get("managingOrganization", {}).get("reference"),
    )


def traits_of(patient: Mapping[str, Any]) -> Traits:
    """Strict and complementary traits, as written."""
    official = _name(patient, "official") or _name(patient, "maiden") or _first_name(patient)
    used = _name(patient, "usual")
    given = [part for part in official.get("given", []) if part]  # null where FHIR says why a part is missing
    return Traits(
        birth_name=official.get("family", ""),
        given_names=_extension(official, systems.BIRTH_GIVEN_NAMES_EXTENSION).get("valueString") or " ".join(given),
        first_given=given[0] if given else "",
        birth_date=patient.get("birthDate", ""),
        sex=patient.get("gender", ""),
        birth_place=birth_place_of(patient),
        used_name=used.get("family", ""),
        used_given=" ".join(filter(None, used.get("given", []))),
        phone=next((t.get("value", "") for t in patient.get("telecom", []) if t.get("system") == "phone"), ""),
        address=_address(patient),
    )


def birth_place_of(patient: Mapping[str, Any]) -> str:
    """COG code of the birth place, or empty text."""
    address = _extension(patient, systems.BIRTH_PLACE_EXTENSION).get("valueAddress", {})
    code: str = _extension(address, systems.INSEE_CODE_EXTENSION).get("valueCoding", {}).get("code", "")
    return code


def ins_of(patient: Mapping[str, Any]) -> Ins | None:
    """The INS in force (not a former one, `use` old), whether or not its key is right."""
    current = (i for i in patient.get("identifier", []) if i.get("use") != "old" and claims_to_be_ins(i.get("system", "")))
    for identifier in current:
        if value := identifier.get("value"):
            return Ins(value.replace(" ", ""), identifier["system"].removeprefix("urn:oid:"))
    return None


def every_ins_of(patient: Mapping[str, Any]) -> list[tuple[int, Ins]]:
    """Every INS with its rank in `Patient.identifier`, former ones included, to be checked."""
    return [
        (rank, Ins(identifier.get("value", "").replace(" ", ""), identifier["system"].removeprefix("urn:oid:")))
        for rank, identifier in enumerate(patient.get("identifier", []))
        if claims_to_be_ins(identifier.get("system", ""))
    ]


def identifiers_of(patient: Mapping[str, Any]) -> Iterator[Identifier]:
    """The identifiers by which facilities and the region know the person; the INS is not one of them."""
    for identifier in patient.get("identifier", []):
        system, value = identifier.get("system", ""), identifier.get("value", "")
        types = {coding.get("code", "") for coding in identifier.get("type", {}).get("coding", [])} or {""}
        former = identifier.get("use") in ("old", "temp")
        if system and value and not former and types & PERSON_TYPES and not claims_to_be_ins(system):
            yield Identifier(system, value)


def reliability_of(patient: Mapping[str, Any]) -> frozenset[str]:
    """Codes of v2-0445 said of the identity: its status and its attributes."""
    said = [e for e in patient.get("extension", []) if e.get("url") == systems.RELIABILITY_EXTENSION]
    codes = (_extension(e, "identityStatus").get("valueCoding", {}).get("code", "") for e in said)
    return frozenset(filter(None, codes))


def status(patient: Mapping[str, Any]) -> IdentityStatus:
    """The RNIV status of this Patient."""
    ins = ins_of(patient)
    return status_of(reliability_of(patient), has_ins=ins is not None and usable(ins))


def is_regional(patient: Mapping[str, Any]) -> bool:
    return any(
        (tag.get("system"), tag.get("code")) == (systems.IDENTITY_KIND, "regional")
        for tag in patient.get("meta", {}).get("tag", [])
    )


def regional_number(patient: Mapping[str, Any]) -> str:
    """The number of the regional record, or empty text."""
    numbers = (i.get("value", "") for i in patient.get("identifier", []) if i.get("system") == systems.REGIONAL_NUMBER)
    return next(numbers, "")


def record_of(patient: Mapping[str, Any]) -> str | None:
    """Id of the regional record this source identity was linked to (`Patient.link` of type refer), or None."""
    for link in patient.get("link", []):
        if link.get("type") == "refer":
            return str(link["other"]["reference"]).removeprefix("Patient/")
    return None


def as_source(patient: Mapping[str, Any]) -> Resource:
    """The Patient marked as a source identity; provisional when nothing better can be said without a usable INS."""
    marked = with_tag(patient, systems.SOURCE_TAG)
    return marked if reliability_of(patient) else with_reliability(marked, "PROV")


def as_regional(patient: Mapping[str, Any], number: str) -> Resource:
    """The Patient as a regional record of this number; its links to a record end."""
    record = with_tag({k: v for k, v in patient.items() if k != "link"}, systems.REGIONAL_TAG)
    others = [i for i in record.get("identifier", []) if i.get("system") != systems.REGIONAL_NUMBER]
    return record | {"identifier": [*others, regional_identifier(number)]}


def as_source_again(patient: Mapping[str, Any]) -> Resource:
    """A promoted Patient back to the source identity it was: its regional number is withdrawn."""
    others = [i for i in patient.get("identifier", []) if i.get("system") != systems.REGIONAL_NUMBER]
    back = {k: v for k, v in patient.items() if k != "identifier"}
    return with_tag(back | ({"identifier": others} if others else {}), systems.SOURCE_TAG)


def linked(patient: Mapping[str, Any], record: str) -> Resource:
    """The identity referring to a regional record; a record that is merged into another keeps its number and is one no more."""
    bare = with_tag(unlinked(patient), systems.SOURCE_TAG)
    return {**bare, "link": [*bare.get("link", []), {"other": {"reference": f"Patient/{record}"}, "type": "refer"}]}


def unlinked(patient: Mapping[str, Any]) -> Resource:
    """The identity referring to no record; links of other types stay; one that has a regional number is a record again."""
    links = [link for link in patient.get("link", []) if link.get("type") != "refer"]
    bare = {k: v for k, v in patient.items() if k != "link"}
    bare = with_tag(bare, systems.REGIONAL_TAG) if regional_number(patient) else bare
    return bare | ({"link": links} if links else {})


def provisional_without_ins(patient: Mapping[str, Any]) -> Mapping[str, Any]:
    """The Patient with a provisional identity when it has no usable INS: validation is not a client's word to give."""
    ins = ins_of(patient)
    if ins is not None and usable(ins):
        return patient
    kept = [e for e in patient.get("extension", []) if not _says_validated(e)]
    return patient if kept == patient.get("extension", []) else with_reliability_added({**patient, "extension": kept}, "PROV")


def _says_validated(extension: Mapping[str, Any]) -> bool:
    code = _extension(extension, "identityStatus").get("valueCoding", {}).get("code")
    return extension.get("url") == systems.RELIABILITY_EXTENSION and code in VALIDATED_CODES


def with_tag(patient: Mapping[str, Any], tag: Resource) -> Resource:
    """The Patient with this identity-kind tag instead of any other."""
    meta = patient.get("meta", {})
    kept = [t for t in meta.get("tag", []) if t.get("system") != systems.IDENTITY_KIND]
    return {**patient, "meta": {**meta, "tag": [*kept, tag]}}


def with_reliability(patient: Mapping[str, Any], code: str) -> Resource:
    extension = {
        "url": systems.RELIABILITY_EXTENSION,
        "extension": [{"url": "identityStatus", "valueCoding": {"system": systems.RELIABILITY_CODES, "code": code}}],
    }
    others = [e for e in patient.get("extension", []) if e.get("url") != systems.RELIABILITY_EXTENSION]
    return {**patient, "extension": [*others, extension]}


def regional_identifier(number: str) -> Resource:
    coding = {"system": systems.HL7_IDENTIFIER_TYPES, "code": "RRI", "display": "Regional registry ID"}
    return {"use": "secondary", "type": {"coding": [coding]}, "system": systems.REGIONAL_NUMBER, "value": number}


def ins_identifier(ins: Ins) -> Resource:
    """The identifier of an INS. An unknown root has no type code: it is kept as received."""
    typed = {}
    if ins.root in set(Root):
        typed = {"type": {"coding": [{"system": systems.IDENTIFIER_TYPES, "code": Root(ins.root).code}]}}
    return {"use": "official", **typed, "system": ins.system, "value": ins.matricule}


def facility_identifier(identifier: Identifier) -> Resource:
    coding = {"system": systems.HL7_IDENTIFIER_TYPES, "code": "PI", "display": "Patient internal identifier"}
    return {"use": "usual", "type": {"coding": [coding]}, "system": identifier.system, "value": identifier.value}


def patient_for(claim: Claim) -> Resource:
    """A source identity in the shape of fr-core from what a source says, names in their RNIV form."""
    said = normal(claim.traits)
    patient: Resource = {
        "resourceType": "Patient",
        "extension": _birth_place(said.birth_place),
        "identifier": [
            *([ins_identifier(claim.ins)] if claim.ins else []),
            *(facility_identifier(identifier) for identifier in claim.identifiers),
        ],
        "active": True,
        "name": _names(said, claim.traits),
        "telecom": [{"system": "phone", "value": claim.traits.phone}] if claim.traits.phone else [],
        "gender": claim.traits.sex,
        "birthDate": claim.traits.birth_date,
        "address": [{"text": claim.traits.address}] if claim.traits.address else [],
    }
    if claim.organization:
        patient["managingOrganization"] = {"reference": claim.organization}
    for code in sorted(claim.reliability - {"VIDE"}):
        patient = with_reliability_added(patient, code)
    return as_source({key: value for key, value in patient.items() if value not in ([], "")})


def with_reliability_added(patient: Mapping[str, Any], code: str) -> Resource:
    """The Patient with one reliability code more."""
    kept = patient.get("extension", [])
    return {**patient, "extension": [*kept, *with_reliability({}, code)["extension"]]}


def _names(said: Traits, written: Traits) -> list[Resource]:
    official: Resource = {"use": "official"}
    if said.given_names:
        official["extension"] = [{"url": systems.BIRTH_GIVEN_NAMES_EXTENSION, "valueString": said.given_names}]
    if said.birth_name:
        official["family"] = said.birth_name
    if said.first_given:
        official["given"] = [said.first_given]
    used = {"use": "usual", "family": written.used_name, "given": [written.used_given] if written.used_given else []}
    shown = [{k: v for k, v in used.items() if v}] if written.used_name or written.used_given else []
    return [*([official] if len(official) > 1 else []), *shown]


def _birth_place(cog: str) -> list[Resource]:
    if not cog:
        return []
    coding = {"system": systems.COMMUNES, "code": cog}
    address = {"extension": [{"url": systems.INSEE_CODE_EXTENSION, "valueCoding": coding}]}
    return [{"url": systems.BIRTH_PLACE_EXTENSION, "valueAddress": address}]


def _name(patient: Mapping[str, Any], use: str) -> Mapping[str, Any]:
    return next((name for name in patient.get("name", []) if name.get("use") == use), {})


def _first_name(patient: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((name for name in patient.get("name", []) if name.get("use") not in ("old", "nickname", "anonymous")), {})


def _extension(element: Mapping[str, Any], url: str) -> Mapping[str, Any]:
    return next((extension for extension in element.get("extension", []) if extension.get("url") == url), {})


def _address(patient: Mapping[str, Any]) -> str:
    for address in patient.get("address", []):
        parts = [*address.get("line", []), address.get("city", "")]
        return address.get("text") or ", ".join(filter(None, parts))
    return ""
