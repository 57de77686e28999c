"""The identity banner of a person: who they are, what could harm them, whom to call. Two statements, three for those who care for people, one more where no
allergy is there for a professional who may not read any."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from maillage.access import matrix
from maillage.access.context import Context
from maillage.errors import NotFound
from maillage.services.identity.resources import patients
from maillage.services.identity.rules.ins import usable
from maillage.services.identity.rules.traits import normal_name
from maillage.services.rights import public as rights
from maillage.ui.banner import AllergyState, Banner, InsStatus

Resource = dict[str, Any]

NO_KNOWN_ALLERGY = frozenset({"716186003"})
"""SNOMED CT « No known allergy »."""
TRUSTED = "personne de confiance"


async def banner(ctx: Context, patient: str, *, kept: frozenset[str] | None = None) -> Banner:
    """The banner of a Patient the actor may see; NotFound otherwise. `kept`: the types that their profession does not read, where that is known already."""
    page = await ctx.records.search("Patient", [("_id", patient), ("_include", "Patient:general-practitioner")])
    if not page.matches:
        raise NotFound(f"Patient/{patient} is not there or not visible")
    around = await ctx.records.compartment([patient], {"AllergyIntolerance": 20, "RelatedPerson": 5})
    allergies = around.get("AllergyIntolerance", [])
    if kept is None:
        kept = frozenset() if allergies else await matrix.types_kept(ctx)
    return banner_of(
        page.matches[0],
        allergies=None if "AllergyIntolerance" in kept else allergies,
        relatives=around.get("RelatedPerson", []),
        practitioners=page.included,
        opened_until=await rights.emergency_until(ctx, patient),
    )


def banner_of(
    patient: Resource,
    *,
    allergies: list[Resource] | None,
    relatives: list[Resource],
    practitioners: list[Resource],
    opened_until: datetime | None = None,
) -> Banner:
    """The banner from resources that were read already; `allergies` None for who does not read them."""
    traits, ins = patients.traits_of(patient), patients.ins_of(patient)
    state, words, asked = _allergies(allergies)
    trusted = next((one for one in relatives if TRUSTED in _relation(one).casefold()), None)
    gp = next((one for one in practitioners if one["resourceType"] == "Practitioner"), {})
    return Banner(
        patient=patient["id"],
        family=traits.birth_name.upper() or "NOM INCONNU",
        given=traits.first_given.title(),
        birth_date=traits.birth_date or None,
        gender=traits.sex or "unknown",
        ins=ins.matricule if ins and usable(ins) else None,
        ins_status=InsStatus(patients.status(patient)),
        used=_used(traits.used_name, traits.used_given, traits.birth_name, traits.first_given),
        allergy_state=state,
        allergies=words,
        allergies_asked=asked,
        general_practitioner=_name(gp) or None,
        trusted=_name(trusted) if trusted else None,
        trusted_phone=_phone(trusted) if trusted else None,
        warnings=_warnings(patient),
        opened_until=opened_until,
    )


def _used(name: str, given: str, birth_name: str, first_given: str) -> str | None:
    """The names used in life, when they differ from those of birth."""
    other_name = normal_name(name) not in ("", normal_name(birth_name))
    other_given = normal_name(given) not in ("", normal_name(first_given))
    used = [name.upper() if other_name else "", given if other_given else ""]
    return " ".join(filter(None, used)) or None


def _allergies(allergies: list[Resource] | None) -> tuple[AllergyState, list[str], str | None]:
    if allergies is None:
        return AllergyState.KEPT, [], None
    active = [one for one in allergies if _code(one.get("clinicalStatus", {})) in ("", "active")]
    none = [one for one in active if _codes(one.get("code", {})) & NO_KNOWN_ALLERGY]
    known = [one for one in active if one not in none]
    if known:
        return AllergyState.KNOWN, [_allergy(one) for one in known], None
    if none:
        asked = none[0].get("recordedDate")
        return AllergyState.NONE, [], str(asked)[:10] if asked else None
    return AllergyState.UNKNOWN, [], None


def _allergy(allergy: Resource) -> str:
    """« pénicilline (éruption cutanée, 2014) »."""
    reactions = [_words(m) for reaction in allergy.get("reaction", []) for m in reaction.get("manifestation", [])]
    details = [*reactions[:1], str(allergy.get("recordedDate", ""))[:4]]
    inside = ", ".join(detail[:1].lower() + detail[1:] for detail in details if detail)
    return _words(allergy.get("code", {})) + (f" ({inside})" if inside else "")


def _warnings(patient: Mapping[str, Any]) -> list[str]:
    warnings = []
    if patient.get("deceasedBoolean") or patient.get("deceasedDateTime"):
        warnings.append("Personne décédée")
    if patients.reliability_of(patient) & {"HOMA", "HOMD"}:
        warnings.append("Homonymes connus : vérifiez la date et le lieu de naissance")
    if patients.reliability_of(patient) & {"DOUT"}:
        warnings.append("Identité douteuse")
    return warnings


def _relation(one: Resource) -> str:
    return ", ".join(_words(relation) for relation in one.get("relationship", []))


def _name(resource: Mapping[str, Any]) -> str:
    name: Mapping[str, Any] = next(iter(resource.get("name", [])), {})
    return str(name.get("text") or " ".join([*name.get("given", [])[:1], str(name.get("family", "")).upper()]).strip())


def _phone(resource: Mapping[str, Any]) -> str | None:
    return next((str(t["value"]) for t in resource.get("telecom", []) if t.get("system") == "phone" and "value" in t), None)


def _codes(concept: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(str(coding.get("code", "")) for coding in concept.get("coding", []))


def _code(concept: Mapping[str, Any]) -> str:
    return next(iter(sorted(_codes(concept))), "")


def _words(concept: Mapping[str, Any]) -> str:
    return str(concept.get("text") or next((c["display"] for c in concept.get("coding", []) if c.get("display")), ""))
