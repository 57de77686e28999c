"""The facts that people write into a record ↔ plain FHIR: problems, treatments, allergies, opinions, home, relatives, legal protection, aids, follow-up, rights.

Each kind says its type, its form, and how it is read and written; what it does not ask stays as another wrote it (docs/adr/0048-life-in-a-record.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from maillage.access.habilitation.carers import scope_of
from maillage.access.masks import AUDIENCE_SYSTEM, CARE_ONLY, SOCIAL_ONLY
from maillage.services.coordination.forms.fact import Field, Options
from maillage.services.coordination.resources import relative, telling
from maillage.services.coordination.resources.telling import Resource, code, codes, text

Values = Mapping[str, str]
Made = dict[str, Any]

TERMS = "http://terminology.hl7.org/CodeSystem"
REQUEST, COMMUNICATION, QUESTIONNAIRE = "urn:maillage:request", "urn:maillage:communication", "urn:maillage:questionnaire"
PROTECTION, AID, FUNDING, RIGHT, PART = (
    f"urn:maillage:{name}" for name in ("legal-protection", "aid", "funding", "right", "relative")
)
NO_KNOWN_ALLERGY = {"system": "http://snomed.info/sct", "code": "716186003", "display": "No known allergy"}

PROTECTIONS: Options = (
    ("sauvegarde", "Sauvegarde de justice"), ("curatelle", "Curatelle simple"), ("curatelle-renforcee", "Curatelle renforcée"), ("tutelle", "Tutelle"),
    ("habilitation", "Habilitation familiale"), ("mandat", "Mandat de protection future"), ("masp", "Accompagnement social personnalisé (MASP)"),
)  # fmt: skip
PARTS: Options = (
    ("aidant", "Aidant principal"), ("confiance", "Personne de confiance"), ("urgence", "À prévenir en cas d’urgence"), ("proche", "Proche"),
)  # fmt: skip
ROLES = {"aidant": "CAREGIVER", "confiance": "NOK", "urgence": "ECON", "proche": "CON"}
"""PARTS as the national list (TRE_R260) says them."""
GUARDED = frozenset({"curatelle", "curatelle-renforcee", "tutelle", "habilitation", "mandat"})
"""Measures that name somebody who is responsible for the person by law."""
AIDS: Options = (
    ("aide-domicile", "Aide à domicile"), ("repas", "Portage de repas"), ("teleassistance", "Téléassistance"), ("ssiad", "Soins infirmiers à domicile (SSIAD)"),
    ("accueil-jour", "Accueil de jour"), ("transport", "Transport accompagné"), ("materiel", "Matériel et aménagement"), ("repit", "Répit de l’aidant"),
    ("autre", "Autre aide"),
)  # fmt: skip
FUNDINGS: Options = (
    ("apa", "APA"), ("pch", "PCH"), ("aide-sociale", "Aide sociale du département"), ("retraite", "Caisse de retraite"), ("assurance-maladie", "Assurance maladie"),
    ("mutuelle", "Mutuelle"), ("personne", "À la charge de la personne"), ("autre", "Autre"),
)  # fmt: skip
RIGHTS: Options = (
    ("apa", "APA"), ("pch", "PCH"), ("ash", "Aide sociale à l’hébergement"), ("aah", "AAH"), ("ald", "ALD (prise en charge à 100 %)"),
    ("c2s", "Complémentaire santé solidaire"), ("mutuelle", "Mutuelle"), ("invalidite", "Pension d’invalidité"), ("aeeh", "AEEH"), ("autre", "Autre droit"),
)  # fmt: skip
STATES: Options = (("active", "En place"), ("draft", "Demandé, en attente"))
GIRS: Options = tuple((str(level), f"GIR {level}") for level in range(1, 7))
YES_NO: Options = (("oui", "Oui"), ("non", "Non"), ("inconnu", "Ne sait pas"))
HOME = (
    Field("habitat", "Logement", hint="Maison, appartement, résidence, étage, ascenseur"),
    Field("seul", "Vit seul ou seule", "choice", options=YES_NO),
    Field("avec", "Vit avec"),
    Field("acces", "Accès", hint="Code, interphone, boîte à clés, stationnement, animaux"),
    Field("sur", "Ce qui gêne ou met en danger", "textarea", hint="Marches, salle de bains, chauffage, chutes"),
    Field("gir", "Autonomie (GIR)", "choice", options=GIRS),
    Field("journee", "Vie quotidienne", "textarea", hint="Repas, sorties, activités, ce que la personne fait seule"),
    Field("ressources", "Travail, ressources et démarches", "textarea"),
    Field("directives", "Directives anticipées", "choice", options=YES_NO),
    Field("ou", "Où elles sont gardées"),
)  # fmt: skip
SINCE, UNTIL = Field("depuis", "Depuis", "date"), Field("jusqua", "Jusqu’au", "date")
NOTE = Field("note", "Précisions", "textarea")
SOCIAL = Field("social", "Visible de la coordination et du social seulement", "check")


@dataclass(frozen=True, slots=True)
class FactKind:
    """One kind: its slug in addresses, its type, the words of its pages; `is_one` of a resource of the type, `values` of its form, `made` from them over what was
    stored, `ended` what ending makes of it. `stop` is the verb of ending."""

    slug: str
    type: str
    title: str
    add: str
    fields: tuple[Field, ...]
    is_one: Callable[[Resource], bool]
    values: Callable[[Resource], dict[str, str]]
    made: Callable[[Values, Resource], Made]
    ended: Callable[[Resource, str], Made]
    stop: str = "Arrêter"
    subject: str = "subject"
    author: str = ""
    single: bool = False


def is_over(resource: Resource) -> bool:
    """Whether a fact is no longer so: resolved, stopped, entered in error."""
    status = str(resource.get("status", ""))
    verified, clinical = code(resource.get("verificationStatus")), code(resource.get("clinicalStatus"))
    return (
        (status in {"entered-in-error", "revoked", "completed", "cancelled", "stopped", "not-taken"} and resource["resourceType"] not in ("Communication", "QuestionnaireResponse"))
        or status == "entered-in-error" or verified in {"entered-in-error", "refuted"} or clinical in {"resolved", "inactive", "remission"}
        or resource.get("active") is False
    )  # fmt: skip


def _concept(words: str, stored: object) -> Made:
    """The words as a CodeableConcept; the codes of what already had these words stay."""
    return dict(stored) if isinstance(stored, Mapping) and text(stored) == words else {"text": words}


def _coded(system: str, options: Options, chosen: str) -> Made:
    words = dict(options).get(chosen, chosen)
    return {"coding": [{"system": system, "code": chosen, "display": words}], "text": words}


def _period(values: Values) -> Made:
    return {key: day for key, day in (("start", values.get("depuis", "")), ("end", values.get("jusqua", ""))) if day}


def _note(values: Values) -> Made:
    return {"note": [{"text": values["note"]}]} if values.get("note") else {}


def _labels(values: Values, stored: Resource) -> Made:
    """The label that keeps it to the social side, beside the labels that stand there."""
    meta = dict(stored.get("meta", {}))
    others = [one for one in meta.get("security", []) if (one.get("system"), one.get("code")) != (AUDIENCE_SYSTEM, SOCIAL_ONLY)]
    if values.get("social"):
        others.append({"system": AUDIENCE_SYSTEM, "code": SOCIAL_ONLY})
    meta.pop("security", None)
    meta |= {"security": others} if others else {}
    return {"meta": meta} if meta else {}


def _is_social(resource: Resource) -> str:
    held = {(one.get("system"), one.get("code")) for one in resource.get("meta", {}).get("security", [])}
    return "1" if (AUDIENCE_SYSTEM, SOCIAL_ONLY) in held else ""


def _free(resource: Resource) -> str:
    return "\n".join(str(one.get("text", "")) for one in resource.get("note", []))


def _phone(resource: Resource) -> str:
    return next((str(one.get("value", "")) for one in resource.get("telecom", []) if one.get("system") == "phone"), "")


def _telecom(values: Values, stored: Resource) -> Made:
    others = [one for one in stored.get("telecom", []) if one.get("system") != "phone" or one.get("value") != _phone(stored)]
    telecom = [*([{"system": "phone", "value": values["tel"]}] if values.get("tel") else []), *others]
    return {"telecom": telecom} if telecom else {}


def _problem(values: Values, stored: Resource) -> Made:
    return {
        "clinicalStatus": {"coding": [{"system": f"{TERMS}/condition-clinical", "code": "active"}]}, "code": _concept(values["quoi"], stored.get("code")),
        **({"onsetDateTime": values["depuis"]} if values["depuis"] else {}), **_note(values),
    }  # fmt: skip


def _problem_values(resource: Resource) -> dict[str, str]:
    return {"quoi": text(resource.get("code")), "depuis": str(resource.get("onsetDateTime", ""))[:10], "note": _free(resource)}


def _treatment(values: Values, stored: Resource) -> Made:
    rest = stored.get("dosage") or [{}]
    dosage = rest if rest[0].get("text") == values["dose"] else [{"text": values["dose"]}]
    return {
        "status": "active", "medicationCodeableConcept": _concept(values["quoi"], stored.get("medicationCodeableConcept")), "dosage": dosage,
        **({"effectivePeriod": period} if (period := _period(values)) else {}), **_note(values),
    }  # fmt: skip


def _treatment_values(resource: Resource) -> dict[str, str]:
    period = resource.get("effectivePeriod", {})
    since = period.get("start") or resource.get("effectiveDateTime", "")
    return {
        "quoi": telling.drug(resource), "dose": telling.dose(resource), "depuis": str(since)[:10], "jusqua": str(period.get("end", ""))[:10],
        "note": _free(resource),
    }  # fmt: skip


def _allergy(values: Values, stored: Resource) -> Made:
    status = {
        "clinicalStatus": {"coding": [{"system": f"{TERMS}/allergyintolerance-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{TERMS}/allergyintolerance-verification", "code": "confirmed"}]},
    }
    if values["etat"] == "aucune":
        return status | {"code": {"coding": [NO_KNOWN_ALLERGY], "text": "Aucune allergie connue"}}
    reaction = {"reaction": [{"manifestation": [{"text": values["reaction"]}]}]} if values["reaction"] else {}
    return status | {"code": _concept(values["quoi"], stored.get("code")), **reaction, **_note(values)}


def none_known(resource: Resource) -> bool:
    """Whether an AllergyIntolerance says that no allergy is known."""
    return NO_KNOWN_ALLERGY["code"] in codes(resource.get("code"), NO_KNOWN_ALLERGY["system"])


def _allergy_values(resource: Resource) -> dict[str, str]:
    reaction = next((text(m) for one in resource.get("reaction", []) for m in one.get("manifestation", [])), "")
    none = none_known(resource)
    return {
        "etat": "aucune" if none else "connue",
        "quoi": "" if none else text(resource.get("code")),
        "reaction": reaction,
        "note": _free(resource),
    }


def _opinion(values: Values, stored: Resource) -> Made:
    care = [{"coding": [{"system": AUDIENCE_SYSTEM, "code": CARE_ONLY}]}] if values["soin"] else []
    return {
        "status": "completed", "category": [{"coding": [{"system": COMMUNICATION, "code": "opinion"}], "text": "Avis"}, *care],
        "topic": {"text": values["quoi"]}, "payload": [{"contentString": values["texte"]}],
    }  # fmt: skip


def _opinion_values(resource: Resource) -> dict[str, str]:
    said = next((str(one["contentString"]) for one in resource.get("payload", []) if "contentString" in one), "")
    care = CARE_ONLY in codes(resource.get("category", []), AUDIENCE_SYSTEM)
    return {"quoi": text(resource.get("topic")), "texte": said, "soin": "1" if care else ""}


def _relative(values: Values, stored: Resource) -> Made:
    said = stored.get("relationship", [])
    link = next((one for one in said if _is_link(one) and text(one) == values["lien"]), {"text": values["lien"]})
    part = (
        [{"coding": [{"system": PART, "code": values["part"]}], "text": dict(PARTS).get(values["part"], values["part"])}]
        if values["part"]
        else []
    )
    part = [one for one in said if codes(one, PART) == {values["part"]}] or part
    role = [one for one in said if relative.is_role(one)] if values["part"] == _part_of(stored) else []
    return {
        "active": True,
        "name": _named(values, stored, values["prenom"]),
        "relationship": [link, *part, *(role or [relative.role(ROLES.get(values["part"], "CON"))])],
        **_telecom(values, stored),
    }


def _is_link(concept: Resource) -> bool:
    return not codes(concept, PART) and not relative.is_role(concept)


def _named(values: Values, stored: Resource, given: str = "") -> Any:
    same = stored and telling.name(stored) == f"{given} {values['nom']}".strip() and stored["name"][0].get("family")
    return stored["name"] if same else relative.named(values["nom"], given)


def _name_values(resource: Resource) -> tuple[str, str]:
    """Family and first given name; of a name that is a text only the whole, and nothing."""
    said: Any = next(iter(resource.get("name", [])), {})
    if not said.get("family"):
        return telling.name(resource), ""
    return str(said["family"]), str(next(iter(said.get("given", [])), ""))


def _part_of(resource: Resource) -> str:
    """What somebody is to the person: as our forms say it, else by the national role."""
    found = resource.get("relationship", [])
    of_role = {role: part for part, role in ROLES.items() if role != "CON"}
    return next(iter(codes(found, PART)), "") or of_role.get(relative.role_of(resource), "")


def _relative_values(resource: Resource) -> dict[str, str]:
    link = next((text(one) for one in resource.get("relationship", []) if _is_link(one)), "")
    family, given = _name_values(resource)
    return {"nom": family, "prenom": given, "lien": link, "part": _part_of(resource), "tel": _phone(resource)}


def _protection(values: Values, stored: Resource) -> Made:
    role = relative.role("GUARD" if values["mesure"] in GUARDED else "CON")
    return {
        "active": True, "name": _named(values, stored), "relationship": [_coded(PROTECTION, PROTECTIONS, values["mesure"]), role],
        **({"period": period} if (period := _period(values)) else {}), **_telecom(values, stored),
    }  # fmt: skip


def _protection_values(resource: Resource) -> dict[str, str]:
    period = resource.get("period", {})
    return {
        "mesure": next(iter(codes(resource.get("relationship", []), PROTECTION)), ""), "nom": telling.name(resource),
        "tel": _phone(resource), "depuis": str(period.get("start", ""))[:10], "jusqua": str(period.get("end", ""))[:10],
    }  # fmt: skip


def _request(kind: str) -> Callable[[Values, Resource], Made]:
    def made(values: Values, stored: Resource) -> Made:
        paid = values.get("financement", "")
        words = values.get("libelle") or dict(AIDS).get(values["quoi"], values["quoi"])
        concept = (
            _coded(AID, AIDS, values["quoi"]) | {"text": words} if kind == "aid" else _concept(values["quoi"], stored.get("code"))
        )
        performer = {"display": values["par"]}
        same = next((dict(one) for one in stored.get("performer", []) if one.get("display") == values["par"]), performer)
        return {
            "status": values.get("etat") or "active", "intent": "order", "category": [{"coding": [{"system": REQUEST, "code": kind}]}], "code": concept,
            "performer": [same], **({"occurrencePeriod": period} if (period := _period(values)) else {}),
            **({"insurance": [{"identifier": {"system": FUNDING, "value": paid}, "display": dict(FUNDINGS).get(paid, paid)}]} if paid else {}),
            **({"quantityQuantity": stored["quantityQuantity"]} if "quantityQuantity" in stored else {}),
            **({"patientInstruction": values["rythme"]} if values.get("rythme") else {}), **_note(values), **_labels(values, stored),
        }  # fmt: skip

    return made


def _request_values(resource: Resource) -> dict[str, str]:
    period = resource.get("occurrencePeriod", {})
    aid = next(iter(codes(resource.get("code"), AID)), "")
    words = text(resource.get("code"))
    paid = next((str(one.get("identifier", {}).get("value", "")) for one in resource.get("insurance", [])), "")
    return {
        "quoi": aid or words, "libelle": words if aid and words != dict(AIDS).get(aid) else "",
        "par": next((str(one.get("display", "")) for one in resource.get("performer", [])), ""),
        "rythme": str(resource.get("patientInstruction", "")), "financement": paid, "etat": str(resource.get("status", "")),
        "depuis": str(period.get("start", ""))[:10], "jusqua": str(period.get("end", ""))[:10], "note": _free(resource), "social": _is_social(resource),
    }  # fmt: skip


def _right(values: Values, stored: Resource) -> Made:
    return {
        "status": values["etat"] or "active", "type": _coded(RIGHT, RIGHTS, values["quoi"]), "payor": [{"display": values["par"]}],
        **({"period": period} if (period := _period(values)) else {}),
        **({"class": [{"type": {"text": "Précision"}, "value": values["detail"]}]} if values["detail"] else {}), **_labels(values, stored),
    }  # fmt: skip


def _right_values(resource: Resource) -> dict[str, str]:
    period = resource.get("period", {})
    return {
        "quoi": next(iter(codes(resource.get("type"), RIGHT)), ""), "par": next((str(one.get("display", "")) for one in resource.get("payor", [])), ""),
        "detail": next((str(one.get("value", "")) for one in resource.get("class", [])), ""), "etat": str(resource.get("status", "")),
        "depuis": str(period.get("start", ""))[:10], "jusqua": str(period.get("end", ""))[:10], "social": _is_social(resource),
    }  # fmt: skip


def _home(values: Values, stored: Resource) -> Made:
    known = {one.name for one in HOME}
    items: list[Made] = [
        {"linkId": one.name, "text": one.label, "answer": [_answer(one, values[one.name])]} for one in HOME if values[one.name]
    ]
    return {
        "questionnaire": f"{QUESTIONNAIRE}|home", "status": "amended" if stored else "completed",
        "item": [*items, *(one for one in stored.get("item", []) if one.get("linkId") not in known)],
    }  # fmt: skip


def _answer(one: Field, said: str) -> Made:
    if one.control == "choice":
        return {"valueCoding": {"system": QUESTIONNAIRE, "code": said, "display": dict(one.options).get(said, said)}}
    return {"valueString": said}


def _home_values(resource: Resource) -> dict[str, str]:
    found = {}
    for one in resource.get("item", []):
        answer: Any = next(iter(one.get("answer", [])), {})
        found[str(one.get("linkId"))] = str(answer.get("valueString") or answer.get("valueCoding", {}).get("code", ""))
    return {one.name: found.get(one.name, "") for one in HOME}


def way_in(resource: Resource) -> str:
    """How one gets into somebody's home (code, intercom, key box), as the answers about it say; empty where they say nothing."""
    own = str(resource.get("questionnaire", "")).startswith(f"{QUESTIONNAIRE}|home") and resource.get("status") in (
        "completed",
        "amended",
    )
    return _home_values(resource)["acces"] if own else ""


def _with(**said: Any) -> Callable[[Resource, str], Made]:
    return lambda resource, today: {**resource, **said}


def _resolved(resource: Resource, today: str) -> Made:
    return {
        **resource,
        "clinicalStatus": {"coding": [{"system": f"{TERMS}/condition-clinical", "code": "resolved"}]},
        "abatementDateTime": today,
    }


def _dismissed(resource: Resource, today: str) -> Made:
    return {**resource, "clinicalStatus": {"coding": [{"system": f"{TERMS}/allergyintolerance-clinical", "code": "inactive"}]}}


def _stopped(place: str, **said: Any) -> Callable[[Resource, str], Made]:
    """Ended today, or when it says: what has not begun yet has no end before its beginning."""

    def ended(resource: Resource, today: str) -> Made:
        period = resource.get(place, {})
        return {**resource, **said, place: {**period, "end": max(today, str(period.get("start", ""))[:10])}}

    return ended


def _category(system: str, one: str) -> Callable[[Resource], bool]:
    return lambda resource: one in codes(resource.get("category", []), system)


FACTS: dict[str, FactKind] = {kind.slug: kind for kind in (
    FactKind("probleme", "Condition", "Problème de santé", "Ajouter un problème", (
        Field("quoi", "Problème", needed=True), Field("depuis", "Depuis", "date", future=False), NOTE,
    ), lambda _: True, _problem_values, _problem, _resolved, "Résolu", author="recorder"),
    FactKind("traitement", "MedicationStatement", "Traitement", "Ajouter un traitement", (
        Field("quoi", "Médicament", needed=True, hint="Nom et dosage : Bisoprolol 2,5 mg"),
        Field("dose", "Prise", needed=True, hint="1 comprimé le matin"), SINCE, UNTIL, NOTE,
    ), lambda _: True, _treatment_values, _treatment, _stopped("effectivePeriod", status="stopped"), author="informationSource"),
    FactKind("allergie", "AllergyIntolerance", "Allergie", "Renseigner les allergies", (
        Field("etat", "La personne", "choice", needed=True, options=(("connue", "a une allergie ou une intolérance"), ("aucune", "n’a aucune allergie connue"))),
        Field("quoi", "Substance", hint="Si une allergie est connue"), Field("reaction", "Réaction"), NOTE,
    ), lambda _: True, _allergy_values, _allergy, _dismissed, "Écarter", subject="patient", author="recorder"),
    FactKind("avis", "Communication", "Avis", "Donner un avis", (
        Field("quoi", "Sujet", needed=True), Field("texte", "Votre avis", "textarea", needed=True), Field("soin", "Visible des soignants seulement", "check"),
    ), _category(COMMUNICATION, "opinion"), _opinion_values, _opinion, _with(status="entered-in-error"), "Retirer", author="sender"),
    FactKind("domicile", "QuestionnaireResponse", "Logement et vie quotidienne", "Renseigner", HOME,
             lambda one: str(one.get("questionnaire", "")).startswith(f"{QUESTIONNAIRE}|home"),
             _home_values, _home, _with(status="entered-in-error"), "Effacer", author="author", single=True),
    FactKind("proche", "RelatedPerson", "Proche", "Ajouter un proche", (
        Field("nom", "Nom de famille", needed=True), Field("prenom", "Prénom"), Field("lien", "Lien", needed=True, hint="Fille, voisin, conjoint"),
        Field("part", "Rôle", "choice", options=PARTS), Field("tel", "Téléphone", "tel"),
    ), lambda one: not codes(one.get("relationship", []), PROTECTION), _relative_values, _relative, _with(active=False), "Retirer", subject="patient"),
    FactKind("protection", "RelatedPerson", "Protection juridique", "Ajouter une mesure", (
        Field("mesure", "Mesure", "choice", needed=True, options=PROTECTIONS), Field("nom", "Exercée par", needed=True, hint="Personne ou association"),
        Field("tel", "Téléphone", "tel"), SINCE, UNTIL,
    ), lambda one: bool(codes(one.get("relationship", []), PROTECTION)), _protection_values, _protection, _stopped("period", active=False), "Terminer", subject="patient"),
    FactKind("aide", "ServiceRequest", "Aide ou service", "Ajouter une aide", (
        Field("quoi", "Nature", "choice", needed=True, options=AIDS), Field("libelle", "Intitulé", hint="Si vous voulez le préciser"),
        Field("par", "Service ou personne", needed=True), Field("rythme", "Rythme", hint="6 h par semaine"),
        Field("financement", "Financement", "choice", options=FUNDINGS), Field("etat", "État", "choice", options=STATES), SINCE, UNTIL, NOTE, SOCIAL,
    ), _category(REQUEST, "aid"), _request_values, _request("aid"), _stopped("occurrencePeriod", status="revoked"), author="requester"),
    FactKind("suivi", "ServiceRequest", "Professionnel qui suit la personne", "Ajouter un professionnel", (
        Field("quoi", "Profession ou spécialité", needed=True), Field("par", "Nom", needed=True), Field("rythme", "Rythme", hint="Tous les 6 mois"), SINCE,
        Field("note", "Coordonnées et précisions", "textarea"),
    ), _category(REQUEST, "follow-up"), _request_values, _request("follow-up"), _stopped("occurrencePeriod", status="revoked"), "Terminer", author="requester"),
    FactKind("droit", "Coverage", "Droit ou financement", "Ajouter un droit", (
        Field("quoi", "Droit", "choice", needed=True, options=RIGHTS), Field("par", "Organisme", needed=True),
        Field("detail", "Précision", hint="GIR 3, montant, reste à charge"), Field("etat", "État", "choice", options=STATES), SINCE, UNTIL, SOCIAL,
    ), lambda _: True, _right_values, _right, _stopped("period", status="cancelled"), "Terminer", subject="beneficiary"),
)}  # fmt: skip


def may_be_edited(kind: FactKind, resource: Resource) -> bool:
    """Whether the form of a kind may change a resource: what somebody sees of a record is said elsewhere, and by its person."""
    return kind.is_one(resource) and not (resource["resourceType"] == "RelatedPerson" and scope_of(dict(resource)) is not None)


def fact_from(kind: FactKind, values: Values, stored: Resource) -> Made:
    """The resource that a form makes of what was stored: what it asks is said anew, the rest stays."""
    asked = kind.made(values, stored)
    cleared = set(kind.made(kind.values(stored), stored)) if stored else set()
    rest = {name: value for name, value in stored.items() if name not in cleared - asked.keys()}
    return {**rest, **asked}
