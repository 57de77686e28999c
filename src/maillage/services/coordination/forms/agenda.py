"""What is said of a visit to come and of a call that was made: as typed, its faults in French by field, and what it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from maillage.services.coordination.forms.task import EVENING, MORNING, key, moment
from maillage.services.coordination.resources.contact import OFFERED
from maillage.services.coordination.rules.tasks import date_fault
from maillage.services.coordination.service.contacts import Said
from maillage.services.coordination.service.home_visits import Planned

LENGTHS = {"30": "30 minutes", "45": "45 minutes", "60": "1 heure", "90": "1 heure 30", "120": "2 heures"}
LONGEST_SUBJECT, LONGEST, LONGEST_VISIT = 200, 4000, 600
AHEAD, BACK = timedelta(minutes=5), timedelta(days=31)


@dataclass(frozen=True, slots=True)
class VisitForm:
    """The form of a visit; `planned` is whole where there is no fault."""

    values: Mapping[str, str]
    faults: dict[str, str] = field(default_factory=dict)
    planned: Planned | None = None


@dataclass(frozen=True, slots=True)
class ContactForm:
    """The form of a contact; `said` is whole where there is no fault."""

    values: Mapping[str, str]
    faults: dict[str, str] = field(default_factory=dict)
    said: Said | None = None


def visit_form(sent: Mapping[str, str], *, now: datetime) -> VisitForm:
    """Reads the form of a visit."""
    values = {name: sent.get(name, "").strip() for name in ("motif", "jour", "heure", "duree", "lieu", "qui")}
    faults = _too_long(values, motif=LONGEST_SUBJECT, lieu=LONGEST_SUBJECT)
    if not values["motif"]:
        faults["motif"] = "Dites en quelques mots pour quoi"
    start = moment(values["jour"], values["heure"], MORNING)
    if not values["heure"] or start is None:
        faults["heure" if values["jour"] else "jour"] = "Indiquez un jour et une heure qui existent : 28/11/2026, 14:30"
    elif fault := date_fault(start, now):
        faults["jour"] = fault
    if not values["duree"].isdecimal() or not 0 < int(values["duree"][:5]) <= LONGEST_VISIT:
        faults["duree"] = "Choisissez une durée"
    if not values["qui"]:
        faults["qui"] = "Choisissez qui fait la visite"
    if faults or start is None:
        return VisitForm(values, faults)
    end = start + timedelta(minutes=int(values["duree"]))
    return VisitForm(values, faults, Planned(values["motif"], start, end, values["lieu"], values["qui"]))


def contact_form(sent: Mapping[str, str], *, now: datetime) -> ContactForm:
    """Reads the form of a call. Without a day it was made now."""
    values = {
        name: sent.get(name, "").strip()
        for name in ("sens", "moyen", "avec", "autre", "motif", "resultat", "jour", "heure", "joint", "suite", "pour_le", "cle")
    }
    faults = _too_long(values, motif=LONGEST_SUBJECT, autre=LONGEST_SUBJECT, resultat=LONGEST, suite=LONGEST_SUBJECT)
    incoming = values["sens"] == "recu"
    if values["moyen"] not in OFFERED:
        faults["moyen"] = "Choisissez comment"
    if not values["avec"] and not values["autre"]:
        faults["avec"] = "Dites avec qui"
    if not incoming and values["joint"] not in ("oui", "non"):
        faults["joint"] = "Dites si quelqu’un a répondu"
    reached = incoming or values["joint"] == "oui"
    if reached and not values["resultat"]:
        faults["resultat"] = "Dites ce que cela a donné"
    by = moment(values["pour_le"], "", EVENING) if values["suite"] else None
    if values["suite"] and (by is None or by < now):
        faults["pour_le"] = "Dites pour quand : un jour à venir"
    if values["suite"] and key(values["cle"]) is None:
        faults["suite"] = "Ce formulaire est incomplet : rechargez la page"
    at: datetime | None = now
    if values["jour"] or values["heure"]:
        at = moment(values["jour"] or now.date().isoformat(), values["heure"], now.time())
        if at is None or at > now + AHEAD or at < now - BACK:
            faults["jour"] = "Indiquez un moment passé, de moins d’un mois"
    if faults or at is None:
        return ContactForm(values, faults)
    said = Said(
        values["moyen"],
        values["avec"],
        values["autre"],
        values["motif"],
        values["resultat"],
        at,
        reached,
        incoming,
        values["suite"],
        by,
    )
    return ContactForm(values, faults, said)


def _too_long(values: Mapping[str, str], **most: int) -> dict[str, str]:
    return {name: f"Raccourcissez : {limit} caractères au plus" for name, limit in most.items() if len(values[name]) > limit}
