"""What the providers say of a person, as small values. Claims of Pro Santé Connect: its userinfo (see the emulator's samples)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from maillage.access.actors import GUARDED_ROLES, Role
from maillage.connectors.psc.tokens import SignInRefused

DOCTOR = "10"
NURSE = "60"
HOSPITAL_SECTORS = frozenset({"SA01", "SA02", "SA03", "SA04", "SA36"})  # TRE_R02: health establishments
COORDINATION_SECTOR = "SA57"  # TRE_R02: structure de coopération avec mission de coordination de soins (DAC)
GENERAL_MEDICINE = frozenset({"SM26", "SM53", "SM54"})  # TRE_R38

# `acr` of OpenID Connect Extended Authentication Profile ACR Values 1.0; `amr` of RFC 8176 §2, and the common word for passkeys.
RESISTANT = frozenset({"phr", "phrh", "hwk", "fido"})

TITLES = {"DR": "Dr", "PR": "Pr"}  # TRE_R11: civilité d'exercice

# Who may sign in without a professional card. Roles of care need the card: no account can claim them.
CARDLESS_ROLES = frozenset(
    {Role.PATIENT, Role.CARER, Role.SOCIAL_WORKER, Role.STEWARD, Role.OPERATOR, Role.OFFICER, Role.ARS, Role.EDITOR}
)  # fmt: skip


_YES = frozenset({"VRAI", "TRUE", "1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """An activity of an exercise (SubjectRefPro): where, by its identifiers (`finess`, `siret`, either may be empty) and name, and as what.

    `profession` is a code of TRE_G15-ProfessionSante, None where the exercise has none: somebody may be a nurse here and a midwife there.
    """

    finess: str
    siret: str
    name: str
    role: Role
    profession: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Carded:
    """A professional as Pro Santé Connect knows them.

    `idnps` is the national identifier (8 + RPPS), `rpps` its 11 digits or None; `profession` a code of TRE_G15-ProfessionSante, or None.
    `role` is that of the sector named for the sign-in; `regulates`: a doctor whom Acces_Regulation_Medicale lets regulate calls; `practices` are the places where the register says that they work.
    """

    idnps: str
    rpps: str | None
    name: str
    role: Role
    profession: str | None
    practices: tuple[Practice, ...] = ()
    regulates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cardless:
    """A person the region's own accounts know: the role and the records that the account was opened for."""

    subject: str
    name: str
    role: Role
    reference: str | None
    organizations: tuple[str, ...]


def carded(claims: Mapping[str, Any]) -> Carded:
    """The professional of a Pro Santé Connect userinfo. Raises SignInRefused when it does not identify one."""
    idnps = claims.get("SubjectNameID") or claims.get("preferred_username")
    if not isinstance(idnps, str) or not idnps:
        raise SignInRefused("The userinfo answer has no SubjectNameID.")
    rpps = idnps[1:] if len(idnps) == 12 and idnps.isdigit() and idnps[0] == "8" else None
    profession = _profession(claims) or None
    regulates = profession == DOCTOR and str(claims.get("Acces_Regulation_Medicale", "")).upper() in _YES
    return Carded(
        idnps=idnps, rpps=rpps, name=_name(claims), role=_named_role(claims), profession=profession, practices=_practices(claims), regulates=regulates
    )  # fmt: skip


def cardless(claims: Mapping[str, Any], proof: Mapping[str, Any]) -> Cardless:
    """The person of an account without a card; `proof` are the claims of the ID token.

    Raises SignInRefused for a role that needs a card, or none, and for a guarded role without a proof that resists phishing (reason "cle").
    """
    try:
        role = Role(str(claims.get("maillage_role")))
    except ValueError:
        raise SignInRefused("The account has no role on the platform.") from None
    if role not in CARDLESS_ROLES:
        raise SignInRefused(f"The role {role} needs a professional card.")
    if role in GUARDED_ROLES and not resists_phishing(proof):
        raise SignInRefused(f"The role {role} needs a proof that cannot be phished: neither acr nor amr names one.", reason="cle")
    reference = claims.get("maillage_reference")
    if role in {Role.PATIENT, Role.CARER} and not reference:
        raise SignInRefused("The account is not linked to a person's record.")
    organizations = claims.get("maillage_organizations") or []
    return Cardless(
        subject=str(claims["sub"]),
        name=_name(claims),
        role=role,
        reference=str(reference) if reference else None,
        organizations=tuple(str(organization) for organization in organizations),
    )


def resists_phishing(proof: Mapping[str, Any]) -> bool:
    """Whether an ID token says that a key signed for this very site, as a passkey or a smart card does."""
    methods = proof.get("amr")
    said = {proof.get("acr"), *(methods if isinstance(methods, list) else ())}
    return not said.isdisjoint(RESISTANT)


def _practices(claims: Mapping[str, Any]) -> tuple[Practice, ...]:
    """Each place once for each function, in the order of the register."""
    found = [
        Practice(
            finess=str(activity.get("numeroFinessSite") or ""),
            siret=str(activity.get("numeroSiretSite") or ""),
            name=str(activity.get("raisonSocialeSite") or ""),
            role=_role(
                str(activity.get("codeSecteurDactivite") or ""), str(exercise.get("codeProfession") or ""), _skills([exercise])
            ),
            profession=str(exercise.get("codeProfession") or "") or None,
        )
        for exercise in _exercises(claims)
        for activity in exercise.get("activities") or []
    ]
    return tuple(dict.fromkeys(found))


def _named_role(claims: Mapping[str, Any]) -> Role:
    sector = str(claims.get("Secteur_Activite", "")).partition("^")[0]
    return _role(sector, _profession(claims), _skills(_exercises(claims)))


def _role(sector: str, profession: str, skills: set[str]) -> Role:
    if sector == COORDINATION_SECTOR:
        return Role.COORDINATOR
    if sector in HOSPITAL_SECTORS:
        return Role.HOSPITAL
    if profession == NURSE:
        return Role.NURSE
    if profession == DOCTOR and skills <= GENERAL_MEDICINE:
        return Role.GP
    return Role.PROFESSIONAL


def _profession(claims: Mapping[str, Any]) -> str:
    roles = claims.get("SubjectRole") or [""]
    first = roles[0] if isinstance(roles, list) else roles
    return str(first).partition("^")[0]


def _skills(exercises: Iterable[Mapping[str, Any]]) -> set[str]:
    return {exercise["codeSavoirFaire"] for exercise in exercises if exercise.get("codeSavoirFaire")}


def _exercises(claims: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return (claims.get("SubjectRefPro") or {}).get("exercices") or []


def _name(claims: Mapping[str, Any]) -> str:
    said = claims.get("name")
    if isinstance(said, str) and said:
        return said
    exercises = (claims.get("SubjectRefPro") or {}).get("exercices") or [{}]
    title = TITLES.get(exercises[0].get("codeCiviliteDexercice", ""), "")
    return " ".join(part for part in (title, claims.get("given_name"), claims.get("family_name")) if part)
