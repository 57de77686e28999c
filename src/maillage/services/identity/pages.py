"""The pages « Identités »: the steward's queue, two identities side by side, the decision and its undoing."""

from typing import Any

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Conflict, NotFound
from maillage.http import Request, action, page, redirect
from maillage.services.identity.rules.comparison import Compared, Difference, Trait
from maillage.services.identity.rules.matching import Reason
from maillage.services.identity.service import reviewing, stewarding
from maillage.services.identity.service.reviewing import Case, Comparison
from maillage.ui import render, words

REASONS = {
    Reason.DISCORDANT: "INS d’un dossier connu, traits différents",
    Reason.DISCORDANT_IDENTIFIER: "Numéro de l’établissement déjà connu, traits différents",
    Reason.SAME_TRAITS: "Mêmes traits, sans INS",
    Reason.SEVERAL: "Plusieurs dossiers possibles",
    Reason.UNKNOWN: "Aucune correspondance exacte",
    Reason.MERGE: "Fusion annoncée par l’établissement",
    Reason.OPENS_RECORD: "Envoyée par quelqu’un à qui le lien ouvrirait le dossier : vérifiez qu’il suit la personne",
}
TRAITS = {
    Trait.BIRTH_NAME: "Nom de naissance",
    Trait.GIVEN_NAMES: "Prénoms de naissance",
    Trait.BIRTH_DATE: "Date de naissance",
    Trait.SEX: "Sexe",
    Trait.BIRTH_PLACE: "Lieu de naissance (COG)",
    Trait.INS: "Matricule INS",
    Trait.USED_NAME: "Nom utilisé",
    Trait.ADDRESS: "Adresse",
    Trait.PHONE: "Téléphone",
}
DIFFERENCES = {
    Difference.HYPHEN: "Trait d’union ou apostrophe absents",
    Difference.OTHER_GIVEN_NAMES_MISSING: "Autres prénoms absents",
    Difference.SAME_FIRST_GIVEN: "Premier prénom identique, les autres non",
    Difference.TYPING: "Une lettre de différence",
    Difference.SWAPPED_NAMES: "Nom et prénom intervertis",
    Difference.USED_NAME_GIVEN: "Nom utilisé à la place du nom de naissance",
    Difference.DAY_MONTH_SWAPPED: "Jour et mois intervertis",
    Difference.YEAR_DIGITS_SWAPPED: "Chiffres de l’année intervertis",
    Difference.ONE_DIGIT: "Un chiffre de différence",
    Difference.DIFFERENT: "Différent",
}
SEXES = {"female": "F", "male": "M", "other": "Autre", "unknown": "Inconnu"}
SAID = {
    "lie": "Identité rapprochée du dossier.",
    "cree": "Dossier régional créé.",
    "annule": "Décision annulée : l’identité attend de nouveau.",
}
SAME_ABOVE, OTHER_BELOW = 0.9, 0.1
STRONG, MEDIUM, WIDEST = 8, 4, 25
"""Bits of weight: from these on a trait speaks strongly or fairly; the bar is full at the widest."""


async def identities(request: Request, ctx: Context) -> Response:
    """The queue, oldest first."""
    start = request.query_params.get("depuis", "0")
    found = await reviewing.queue(ctx, start=int(start) if _is_number(start) else 0)
    return render(
        request,
        ctx,
        "identity/queue.html",
        queue=found,
        reasons=REASONS,
        said_words=SAID.get(request.query_params.get("fait", ""), ""),
        can_undo=await stewarding.can_undo(ctx),
        counts={"/identites": found.waiting},
    )


async def identity(request: Request, ctx: Context) -> Response:
    """One case: the comparison, what a decision would do, the decision."""
    return await _case_page(request, ctx)


async def link(request: Request, ctx: Context) -> Response:
    """« Même personne »."""
    form = await request.form()
    try:
        await stewarding.link(ctx, case_id=_case_id(request), record=str(form.get("dossier", "")))
    except Conflict as fault:
        return await _case_page(request, ctx, status=409, fault=fault.message)
    return await _following(ctx, "lie")


async def promote(request: Request, ctx: Context) -> Response:
    """« Deux personnes »: the identity becomes a record of its own."""
    await stewarding.promote(ctx, case_id=_case_id(request))
    return await _following(ctx, "cree")


async def undo(request: Request, ctx: Context) -> Response:
    """« Annuler ma dernière décision »."""
    case_id = await stewarding.undo_last(ctx)
    return redirect(f"/identites/{case_id}?fait=annule")


async def _following(ctx: Context, done: str) -> Response:
    following = await reviewing.next_to_treat(ctx)
    return redirect(f"/identites/{following}?fait={done}" if following else f"/identites?fait={done}")


async def _case_page(request: Request, ctx: Context, *, status: int = 200, fault: str = "") -> Response:
    case = await reviewing.review(ctx, case_id=_case_id(request))
    chosen = _chosen(case, request.query_params.get("dossier", ""))
    return render(
        request,
        ctx,
        "identity/case.html",
        status=status,
        case=case,
        reason=REASONS[case.reason],
        can_undo=await stewarding.can_undo(ctx),
        chosen=chosen,
        lines=[_row(line) for line in chosen.lines] if chosen else [_alone(case)],
        opinion=_opinion(chosen),
        arguments=_arguments(chosen),
        same_first=chosen is not None and chosen.score > OTHER_BELOW,
        fault=fault,
        said_words=SAID.get(request.query_params.get("fait", ""), ""),
        counts={"/identites": case.waiting},
    )


def _chosen(case: Case, record: str) -> Comparison | None:
    return next((one for one in case.comparisons if one.record.patient == record), case.best)


def _opinion(chosen: Comparison | None) -> str:
    if chosen is None:
        return "Aucun dossier régional ne ressemble à cette identité"
    score = f"(score {words.number(f'{chosen.score:.2f}')})"
    if chosen.score >= SAME_ABOVE:
        return f"Probablement la même personne {score}"
    return f"Probablement deux personnes {score}" if chosen.score <= OTHER_BELOW else f"Doute réel {score}"


def _arguments(chosen: Comparison | None) -> str:
    """« Pour : nom, sexe. Contre : date de naissance. »"""
    if chosen is None:
        return "Vérifiez l’identité auprès de l’établissement avant de créer un dossier."
    sides = [
        ("Pour", [one for one in chosen.lines if one.weight > 0]),
        ("Contre", [one for one in chosen.lines if one.weight < 0]),
    ]
    said = [f"{side} : {', '.join(_inside(TRAITS[one.trait]) for one in lines)}." for side, lines in sides if lines]
    missing = any(one.trait is Trait.INS and one.difference is Difference.MISSING for one in chosen.lines)
    return " ".join([*said, *(["L’INS n’est pas connu des deux côtés."] if missing else [])])


def _inside(words_of_trait: str) -> str:
    """A label within a sentence."""
    return words_of_trait[0].lower() + words_of_trait[1:]


def _row(line: Compared) -> dict[str, Any]:
    """The arguments of the macro `trait`."""
    kinds = {Difference.SAME: "same", Difference.MISSING: "none", Difference.DIFFERENT: "far"}
    kind = kinds.get(line.difference, "far" if line.weight < 0 else "near")
    return {
        "name": TRAITS[line.trait],
        "ours": _shown(line.trait, line.ours),
        "theirs": _shown(line.trait, line.theirs),
        "same": kind,
        "difference": DIFFERENCES.get(line.difference, ""),
        "weight": round(max(-50.0, min(50.0, line.weight * 50 / WIDEST))) or None,
        "weight_words": _weight_words(line.weight),
    }


def _weight_words(weight: float) -> str:
    if weight == 0:
        return "neutre"
    size = "fort" if abs(weight) >= STRONG else "moyen" if abs(weight) >= MEDIUM else "faible"
    return f"{size}, {'pour' if weight > 0 else 'contre'}"


def _alone(case: Case) -> dict[str, Any]:
    traits = case.source.traits
    name = f"{traits.birth_name} {traits.given_names}".strip()
    return {
        "name": "Identité reçue",
        "ours": "",
        "theirs": name,
        "same": "none",
        "difference": "",
        "weight": None,
        "weight_words": "neutre",
    }


def _shown(trait: Trait, value: str) -> str:
    if trait is Trait.SEX:
        return SEXES.get(value, value)
    if trait is Trait.BIRTH_DATE and value:
        return words.birth_date(value)
    if trait is Trait.INS and value:
        return words.ins(value)
    return words.phone(value) if trait is Trait.PHONE else value


def _case_id(request: Request) -> int:
    text = request.path_params["id"]
    if not _is_number(text):
        raise NotFound(f"no case {text}")
    return int(text)


def _is_number(text: str) -> bool:
    """Digits as the database counts: ² is one for Python, and what has more than eighteen is beyond any column."""
    return text.isascii() and text.isdigit() and len(text) <= 18


STEWARD = Permission.IDENTITY_STEWARD
routes = [
    page("/identites", identities, permission=STEWARD),
    page("/identites/{id}", identity, permission=STEWARD),
    action("/identites/annuler", undo, permission=STEWARD),
    action("/identites/{id}/rapprocher", link, permission=STEWARD),
    action("/identites/{id}/creer", promote, permission=STEWARD),
]
