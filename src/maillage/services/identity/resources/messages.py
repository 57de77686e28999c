"""Segments of HL7 v2 (IHE PAM France 2.11: PID, PV1, ZBE, ZFA, ZFD) → FHIR Patient, Encounter, Consent. Pure."""

from datetime import datetime
from typing import Any

from maillage.clock import PARIS
from maillage.services.exchange.public import NULL, Message, Refused, Segment
from maillage.services.identity.resources import systems
from maillage.services.identity.resources.patients import facility_identifier, ins_identifier
from maillage.services.identity.rules.ins import Ins, claims_to_be_ins
from maillage.services.identity.rules.matching import Identifier
from maillage.services.identity.rules.traits import normal_name

Resource = dict[str, Any]

SEX = {"F": "female", "M": "male", "O": "other", "A": "other", "N": "other", "U": "unknown"}
INS_TYPES = frozenset({"INS", "INS-NIR", "INS-NIA", "INS-C"})
PERSON_TYPES = frozenset({"PI", "MR", "PT", "PN", ""})
PHONE_USES = {"PRN": "home", "WPN": "work", "ORN": "home", "VHN": "home"}
ADDRESS_USES = {"H": "home", "O": "work", "B": "work", "C": "temp"}
BIRTH_PLACE = "BDL"


def value(segment: Segment, path: str, rep: int = 0) -> str:
    """The text at a path, with HL7's « delete this value » read as empty."""
    text = segment.value(path, rep=rep).strip()
    return "" if text == NULL else text


def patient_from(message: Message, *, organization: str | None = None) -> Resource:
    """The Patient of PID and ZFD in the shape of fr-core. Refused when PID (100) or every PID-3 (101) is absent."""
    pid = message.segment("PID")
    if pid is None:
        raise Refused.at("PID", "le message n'a pas de segment PID", error="100")
    patient: Resource = {
        "resourceType": "Patient",
        "extension": [*_birth_place(pid), *_reliability(pid, message.segment("ZFD"))],
        "identifier": _identifiers(pid),
        "active": True,
        "name": _names(pid),
        "telecom": _telecoms(pid),
        "gender": SEX.get(value(pid, "8"), "unknown"),
        "birthDate": _date(value(pid, "7"), "PID-7"),
        "address": _addresses(pid),
    }
    if value(pid, "30") == "Y" or value(pid, "29"):
        died = instant(value(pid, "29"), "PID-29")
        patient |= {"deceasedDateTime": died} if died else {"deceasedBoolean": True}
    if organization:
        patient["managingOrganization"] = {"reference": organization}
    if not patient["identifier"]:
        raise Refused.at("PID-3", "PID-3 ne porte aucun identifiant lisible de la personne", error="101")
    return {key: said for key, said in patient.items() if said not in ([], "")}


def identifiers_in(segment: Segment, number: int) -> list[Identifier]:
    """The facility's identifiers of a CX field (PID-3 or MRG-1)."""
    found = []
    for rep in range(segment.count(number)):
        kind = value(segment, f"{number}.5", rep)
        if kind in PERSON_TYPES and value(segment, f"{number}.1", rep) and not claims_to_be_ins(_system(segment, number, rep)):
            found.append(Identifier(_system(segment, number, rep), value(segment, f"{number}.1", rep)))
    return found


def _identifiers(pid: Segment) -> list[Resource]:
    ins = [
        ins_identifier(Ins(value(pid, "3.1", rep).replace(" ", ""), _system(pid, 3, rep).removeprefix("urn:oid:")))
        for rep in range(pid.count(3))
        if claims_to_be_ins(_system(pid, 3, rep)) and value(pid, "3.1", rep)
    ]
    return [*ins, *(facility_identifier(identifier) for identifier in identifiers_in(pid, 3))]


def _system(segment: Segment, number: int, rep: int) -> str:
    """FHIR system of a CX: the OID of its authority, else the FINESS or the name of the facility."""
    name, authority, kind = (value(segment, f"{number}.4.{part}", rep) for part in (1, 2, 3))
    if kind == "ISO" or authority.count(".") > 2:
        return f"urn:oid:{authority}"
    return systems.facility_system(authority or name)


def _names(pid: Segment) -> list[Resource]:
    """PID-5: type L is the birth name (XPN.2 first given name, XPN.3 all given names), D or S the used one."""
    names = []
    for rep in range(pid.count(5)):
        family, given, others = (value(pid, f"5.{part}", rep) for part in (1, 2, 3))
        if value(pid, "5.7", rep) in ("D", "S", "A"):
            used = {"use": "usual", "family": family, "given": [given] if given else []}
            names.append({key: said for key, said in used.items() if said})
        elif family or given:
            names.append(_official_name(family, given, others))
    return names


def _official_name(family: str, given: str, others: str) -> Resource:
    listed = normal_name(others)
    all_given = listed if listed.startswith(normal_name(given)) else f"{normal_name(given)} {listed}".strip()
    name: Resource = {"use": "official"}
    if all_given:
        name["extension"] = [{"url": systems.BIRTH_GIVEN_NAMES_EXTENSION, "valueString": all_given}]
    if family:
        name["family"] = normal_name(family)
    if given:
        name["given"] = [normal_name(given)]
    return name


def _birth_place(pid: Segment) -> list[Resource]:
    """The PID-11 of type BDL: COG code in XAD.9."""
    for rep in range(pid.count(11)):
        if value(pid, "11.7", rep) == BIRTH_PLACE and (cog := value(pid, "11.9", rep)):
            coding = {"system": systems.COMMUNES, "code": cog}
            address: Resource = {"extension": [{"url": systems.INSEE_CODE_EXTENSION, "valueCoding": coding}]}
            if city := value(pid, "11.3", rep):
                address["city"] = city
            return [{"url": systems.BIRTH_PLACE_EXTENSION, "valueAddress": address}]
    return []


def _reliability(pid: Segment, zfd: Segment | None) -> list[Resource]:
    """One extension for each code of PID-32; ZFD-5 and ZFD-6 say how and when the identity was collected."""
    found = []
    for rep in range(pid.count(32)):
        parts: list[Resource] = []
        if code := value(pid, "32", rep):
            parts.append({"url": "identityStatus", "valueCoding": {"system": systems.RELIABILITY_CODES, "code": code}})
        if zfd and rep == 0 and (method := value(zfd, "5")):
            parts.append({"url": "methodCollection", "valueCoding": {"system": systems.COLLECTION_CODES, "code": method}})
        if zfd and rep == 0 and (collected := _date(value(zfd, "6"), "ZFD-6")):
            parts.append({"url": "dateCollection", "valueDate": collected})
        if parts:
            found.append({"url": systems.RELIABILITY_EXTENSION, "extension": parts})
    return found


def _telecoms(pid: Segment) -> list[Resource]:
    found = []
    for rep in range(pid.count(13)):
        number, mail = value(pid, "13.12", rep) or value(pid, "13.1", rep), value(pid, "13.4", rep)
        use = "mobile" if value(pid, "13.3", rep) == "CP" else PHONE_USES.get(value(pid, "13.2", rep), "home")
        if number:
            found.append({"system": "phone", "value": number, "use": use})
        if mail:
            found.append({"system": "email", "value": mail, "use": "home"})
    return found


def _addresses(pid: Segment) -> list[Resource]:
    found = []
    for rep in range(pid.count(11)):
        if value(pid, "11.7", rep) == BIRTH_PLACE:
            continue
        lines = [line for line in (value(pid, "11.1", rep), value(pid, "11.2", rep)) if line]
        address: Resource = {
            "use": ADDRESS_USES.get(value(pid, "11.7", rep), "home"),
            "line": lines,
            "city": value(pid, "11.3", rep),
            "postalCode": value(pid, "11.5", rep),
            "country": value(pid, "11.6", rep),
        }
        if lines or address["city"]:
            found.append({key: said for key, said in address.items() if said})
    return found


def _date(text: str, path: str) -> str:
    """`19790328…` → `1979-03-28`; empty stays empty. Refused (102) when it is no date."""
    if not text:
        return ""
    try:
        return datetime.strptime(text[:8], "%Y%m%d").date().isoformat()
    except ValueError:
        raise Refused.at(path, f"« {text} » n'est pas une date (AAAAMMJJ)", error="102") from None


def instant(text: str, path: str) -> str:
    """`20240306110000[+0100]` → FHIR instant; without an offset it is Paris time. Refused (102) when it is no time."""
    if not text:
        return ""
    digits, sign, offset = _split_offset(text)
    formats = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
    try:
        read = datetime.strptime(digits, formats[len(digits)])
        at = datetime.strptime(f"{digits}{sign}{offset}", f"{formats[len(digits)]}%z") if offset else read.replace(tzinfo=PARIS)
    except (ValueError, KeyError):
        raise Refused.at(path, f"« {text} » n'est pas une date et heure (AAAAMMJJhhmmss[+hhmm])", error="102") from None
    return at.isoformat()


def _split_offset(text: str) -> tuple[str, str, str]:
    for sign in "+-":
        digits, found, offset = text.partition(sign)
        if found:
            return digits.partition(".")[0], sign, offset
    return text.partition(".")[0], "", ""
