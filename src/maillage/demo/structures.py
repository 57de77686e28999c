"""Establishments and services of the territory: Organization, Location, HealthcareService."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from maillage.demo.numbers import finess, resource_id
from maillage.demo.personas import WORKPLACES
from maillage.demo.places import COMMUNES, STREETS, Commune
from maillage.fhir.national import FINESS, IDNST

Resource = dict[str, Any]

SECTORS = "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite"
CATEGORIES = "https://mos.esante.gouv.fr/NOS/TRE_R66-CategorieEtablissement/FHIR/TRE-R66-CategorieEtablissement"
IDENTIFIER_TYPES = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"
LEGAL_TYPES = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-3307"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of establishment: name pattern, sector (TRE_R02), FINESS category, how many, services it offers."""

    code: str
    name: str
    sector: str
    sector_name: str
    category: str
    count: int
    services: tuple[str, ...] = ()


WARDS = ("Médecine polyvalente", "Gériatrie aiguë", "Cardiologie", "Urgences", "Chirurgie orthopédique")
KINDS = (
    Kind("ch", "Centre hospitalier {place}", "SA01", "Etablissement public de santé", "355", 4, WARDS),
    Kind("clinique", "Clinique {place}", "SA04", "Etablissement privé non PSPH", "365", 4, WARDS[2:]),
    Kind("ssr", "Centre de soins de suite {place}", "SA01", "Etablissement public de santé", "109", 2, ("Soins de suite gériatriques",)),
    Kind("had", "Hospitalisation à domicile {place}", "SA01", "Etablissement public de santé", "127", 1, ("Hospitalisation à domicile",)),
    Kind("ehpad", "EHPAD {place}", "SA17", "Etablissement pour personnes âgées", "500", 12, ("Hébergement permanent", "Accueil de jour")),
    Kind("ssiad", "SSIAD {place}", "SA41", "Autre établissement du domaine social ou médico-social", "354", 6, ("Soins infirmiers à domicile",)),
    Kind("saad", "Aide à domicile {place}", "SA18", "Etablissement aide à la famille", "460", 3, ("Aide à domicile",)),
    Kind("msp", "Maison de santé {place}", "SA52", "Maison de santé ou Pôle de santé", "603", 9, ("Médecine générale", "Soins infirmiers")),
    Kind("cpts", "CPTS {place}", "SA63", "Communauté professionnelle territoriale de santé et équipe de soins spécialisés", "604", 2),
    Kind("labo", "Laboratoire de biologie {place}", "SA25", "Laboratoire de biologie médicale", "611", 5, ("Biologie médicale",)),
    Kind("imagerie", "Centre d’imagerie {place}", "SA08", "Cabinet de groupe", "698", 2, ("Imagerie médicale",)),
    Kind("pharmacie", "Pharmacie {place}", "SA33", "Pharmacie d'officine", "620", 10, ("Dispensation",)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Structure:
    """One establishment of the territory."""

    key: str
    name: str
    kind: str
    sector: str
    sector_name: str
    category: str
    finess: str
    commune: Commune
    services: tuple[str, ...]

    @property
    def id(self) -> str:
        return resource_id("Organization", self.key)

    @property
    def reference(self) -> str:
        return f"Organization/{self.id}"


SECTOR_NAMES = {
    "SA01": "Etablissement public de santé",
    "SA07": "Cabinet individuel",
    "SA08": "Cabinet de groupe",
    "SA26": "Ministère ou Service déconcentré",
    "SA27": "Collectivité territoriale",
    "SA52": "Maison de santé ou Pôle de santé",
    "SA57": "Structure de coopération avec mission de coordination de soins",
}
SERVICES_OF = {
    "ch-demoville": WARDS,
    "msp-exemple": ("Médecine générale",),
    "dac": ("Appui à la coordination",),
    "departement": ("Action sociale",),
}


def workplaces() -> list[Structure]:
    """The establishments of the personas."""
    return [
        Structure(
            place.key,
            place.name,
            place.key,
            place.sector,
            SECTOR_NAMES[place.sector],
            place.category,
            place.finess,
            COMMUNES[place.commune],
            SERVICES_OF.get(place.key, ()),
        )
        for place in WORKPLACES
    ]


def structures(scale: float) -> list[Structure]:
    """The personas' establishments and `scale` times the usual ones, spread over the communes."""
    found = workplaces()
    for kind in KINDS:
        for rank in range(max(1, round(kind.count * scale))):
            commune = COMMUNES[(rank * 3 + len(kind.code)) % len(COMMUNES)] if rank else COMMUNES[len(kind.code) % 4]
            suffix = f" {rank // len(COMMUNES) + 1}" if rank >= len(COMMUNES) else ""
            name = kind.name.format(place=f"{_of(commune.name)}{suffix}")
            found.append(
                Structure(
                    f"{kind.code}-{rank}", name, kind.code, kind.sector, kind.sector_name, kind.category,
                    finess(100 + len(found)), commune, kind.services,
                )
            )  # fmt: skip
    return found


def resources(structure: Structure) -> Iterator[Resource]:
    """The Organization, its Location and its services."""
    yield organization(structure)
    yield location(structure)
    for rank, service in enumerate(structure.services):
        yield healthcare_service(structure, service, rank)


def organization(structure: Structure) -> Resource:
    return {
        "resourceType": "Organization",
        "id": structure.id,
        "identifier": [
            _identifier("IDNST", IDNST, f"1{structure.finess}"),
            _identifier("FINEG", FINESS, structure.finess),
        ],
        "active": True,
        "type": [
            {"coding": [{"system": LEGAL_TYPES, "code": "GEOGRAPHICAL-ENTITY"}]},
            {"coding": [{"system": SECTORS, "code": structure.sector, "display": structure.sector_name}]},
            {"coding": [{"system": CATEGORIES, "code": structure.category}]},
        ],
        "name": structure.name,
        "telecom": [
            {
                "system": "phone",
                "value": f"03 53 01 {int(structure.finess[3:5]):02d} {int(structure.finess[5:7]):02d}",
                "use": "work",
            }
        ],
        "address": [_address(structure)],
    }


def location(structure: Structure) -> Resource:
    return {
        "resourceType": "Location",
        "id": resource_id("Location", structure.key),
        "status": "active",
        "name": structure.name,
        "mode": "instance",
        "address": _address(structure),
        "managingOrganization": {"reference": structure.reference},
    }


def healthcare_service(structure: Structure, name: str, rank: int) -> Resource:
    return {
        "resourceType": "HealthcareService",
        "id": resource_id("HealthcareService", f"{structure.key}-{rank}"),
        "active": True,
        "providedBy": {"reference": structure.reference, "display": structure.name},
        "type": [{"text": name}],
        "location": [{"reference": f"Location/{resource_id('Location', structure.key)}"}],
        "name": f"{name}, {structure.name}",
    }


def _identifier(code: str, system: str, value: str) -> Resource:
    return {"use": "official", "type": {"coding": [{"system": IDENTIFIER_TYPES, "code": code}]}, "system": system, "value": value}


def _address(structure: Structure) -> Resource:
    commune = structure.commune
    street = STREETS[int(structure.finess[-2]) % len(STREETS)]
    return {
        "use": "work",
        "line": [f"{int(structure.finess[-3:]) % 60 + 1} {street}"],
        "city": commune.name,
        "district": "Marne",
        "postalCode": commune.postal_code,
        "country": "FRA",
    }


def _of(place: str) -> str:
    """« de Reims », « d’Épernay »."""
    return f"d’{place}" if place[0] in "AEÉIOUH" else f"de {place}"
