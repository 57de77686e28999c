"""What an identity provider says of a persona: the userinfo of Pro Santé Connect, of FranceConnect, of the accounts of the region."""

from collections.abc import Iterable
from typing import Any

from maillage.demo.numbers import resource_id
from maillage.demo.personas import HOSPITAL, PERSONAS, UNPROVEN, Birth, Persona, Workplace, granted_role, persona

SECTOR_OID = "1.2.250.1.71.4.2.4"
FRANCE = "99100"

Claims = dict[str, Any]


def claims_of(one: Persona) -> Claims:
    """What `userinfo` answers for this persona, at the provider that knows them."""
    if one.birth is not None:
        return _citizen(one, one.birth)
    common = {
        "sub": f"f:{resource_id('Subject', one.id)}:{one.subject}",
        "preferred_username": one.subject,
        "family_name": one.family,
        "given_name": one.given,
        "email_verified": False,
    }
    return common | (_card(one) if one.card else _account(one))


def professionals_and_staff() -> list[Claims]:
    """Whom the emulator of Pro Santé Connect knows, with and without a card, and those who are refused."""
    known = (one for one in (*PERSONAS, *UNPROVEN) if one.birth is None and one.role != "system")
    return [*_identities(known), *_refused_cards()]


def citizens() -> list[Claims]:
    """Whom the emulator of FranceConnect knows."""
    return _identities(one for one in PERSONAS if one.birth is not None)


def _identities(personas: Iterable[Persona]) -> list[Claims]:
    """As the emulators read them."""
    return [
        {
            "id": one.id,
            "name": one.name,
            "title": one.title,
            "card": one.card,
            "claims": claims_of(one),
            "amr": one.proofs if one.birth is None else [],
        }
        for one in personas
    ]


def _refused_cards() -> list[Claims]:
    """To see how a sign-in fails: a card that has expired, a clock that is wrong."""
    gp = persona("gp")
    common = {"card": True, "claims": claims_of(gp)}
    return [
        {
            "id": "expired-card",
            "name": f"{gp.name} (carte expirée)",
            "title": "La carte n’est plus valable",
            "error": "login_required",
        }
        | common,
        {
            "id": "wrong-clock",
            "name": f"{gp.name} (horloge fausse)",
            "title": "L’horloge du service avance d’une heure",
            "skew": 3600,
        }
        | common,
    ]


def _citizen(one: Persona, birth: Birth) -> Claims:
    """The pivot of identity, as the civil registry has it."""
    return {
        "sub": resource_id("Subject", one.id),
        "family_name": one.family,
        "given_name": birth.given_names,
        "birthdate": birth.date,
        "gender": birth.sex,
        "birthplace": birth.place,
        "birthcountry": FRANCE,
    }


def _account(one: Persona) -> Claims:
    return {
        "name": one.name,
        "maillage_role": granted_role(one),
        "maillage_reference": one.reference,
        "maillage_organizations": list(one.organizations),
    }


def _card(one: Persona) -> Claims:
    workplace = one.workplace
    if workplace is None:
        raise ValueError(f"persona {one.id} has a professional card but no workplace")
    return {
        "SubjectNameID": one.subject,
        "Secteur_Activite": f"{workplace.sector}^{SECTOR_OID}",
        "SubjectOrganization": workplace.name,
        "SubjectOrganizationID": f"1{workplace.finess}",
        "SubjectRole": [f"{one.profession}^1.2.250.1.213.1.1.5.5"],
        "PSI_Locale": "1.2.250.1.213.1.3.1.1",
        "Mode_Acces_Raison": "",
        "Acces_Regulation_Medicale": "VRAI" if one.regulates else "FAUX",
        "Palier_Authentification": "APPPRIP3^1.2.250.1.213.1.5.1.1.1",
        "UITVersion": "1.0",
        "otherIds": [{"identifiant": one.rpps, "origine": "RPPS", "qualite": 1}],
        "SubjectRefPro": {"codeCivilite": one.civility, "exercices": [_exercise(one, (workplace, *one.also))]},
    }


def _exercise(one: Persona, places: Iterable[Workplace]) -> Claims:
    return {
        "codeProfession": one.profession,
        "codeCategorieProfessionnelle": "C",
        "codeCiviliteDexercice": "DR" if one.prefix else one.civility,
        "nomDexercice": one.family,
        "prenomDexercice": one.given,
        "codeTypeSavoirFaire": "S" if one.skill else "",
        "codeSavoirFaire": one.skill,
        "activities": [
            {
                "codeModeExercice": "S" if place is HOSPITAL else "L",
                "codeSecteurDactivite": place.sector,
                "codeRole": "",
                "codeGenreActivite": "GENR01",
                "numeroFinessSite": place.finess,
                "numeroSiretSite": "",
                "raisonSocialeSite": place.name,
            }
            for place in places
        ],
    }
