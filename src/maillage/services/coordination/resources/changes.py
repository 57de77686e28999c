"""Two versions of a resource → what changed, said in words: « Bisoprolol : 2,5 mg → 5 mg », not « modifié ». Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from maillage.services.coordination.resources import telling
from maillage.services.coordination.resources.alert import alert_from, task_id
from maillage.services.coordination.resources.telling import Resource, Told, code, dose, drug, joined, short
from maillage.ui.words import care_date, full_date, number

Words = Callable[[Resource, Resource], Iterator[str]]

GONE = {"entered-in-error"}
_TIMED = ("Observation/", "DocumentReference/")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that changed: the line that tells of it, when it was written, how the treatment mark reads (« Modifié », « Ajouté », nothing), and the reference of
    what an alert is about."""

    line: Told
    written: datetime
    mark: str = ""
    about: str = ""

    @property
    def at(self) -> str | datetime:
        """When it happened: a measure and a document have their own time, and may come later; of all else, when it was written."""
        own = self.line.at if self.mark == "Ajouté" and self.line.reference.startswith(_TIMED) else ""
        return own or self.written

    @property
    def came_later(self) -> bool:
        """Whether it was written on another day than it happened."""
        return isinstance(self.at, str) and full_date(self.at) != full_date(self.written)


def fact(before: Resource | None, now: Resource | None, *, written: datetime, patient: str) -> Fact | None:
    """What to say of a resource that was one thing and is another; None where nothing that people read has changed. One of both is there."""
    if _error(before):
        before = None
    if now is None or _error(now):
        return Fact(_gone(before, patient), written, "Retiré") if before else None
    if telling.is_notice(now):
        return None
    line = telling.told(now, patient=patient)
    about = alert_from(now, None).about if now["resourceType"] == "Flag" else ""
    if before is None:
        added = now["resourceType"] in ("MedicationStatement", "MedicationRequest") and now.get("status") == "active"
        return Fact(replace(line, words=joined((line.words, "ajouté"))) if added else line, written, "Ajouté", about)
    words = joined(dict.fromkeys(_differences(before, now, patient)))
    if not words:
        return None
    lead = line.lead
    if now["resourceType"] in ("MedicationStatement", "MedicationRequest"):
        lead = "Traitement"
    return Fact(replace(line, lead=lead, words=words), written, "Modifié", about)


def grouped(facts: Sequence[Fact]) -> list[Fact]:
    """The same, each visit that comes back said once, with how often and from when until when; and an alert once: by the task of who deals with it, which says
    its measure and its bound, where there is one."""
    tasks = {one.line.reference for one in facts if one.line.reference.startswith("Task/")}
    raised = {one.about for one in facts if one.about and one.mark == "Ajouté"}
    times: dict[tuple[str, ...], list[Fact]] = {}
    for one in facts:
        kind, _, id = one.line.reference.partition("/")
        if kind == "Flag" and f"Task/{task_id(id)}" in tasks:
            continue
        if kind == "Observation" and one.mark == "Ajouté" and one.line.reference in raised:
            continue
        line = one.line
        comes_back = line.reference.startswith("Appointment/") and one.mark == "Ajouté"
        times.setdefault((line.lead, line.words, line.who) if comes_back else (line.reference, str(one.written)), []).append(one)
    return [_several(found) if len(found) > 1 else found[0] for found in times.values()]


def _several(found: list[Fact]) -> Fact:
    days = sorted(one.line.at for one in found)
    line = found[0].line
    often = f"{len(found)} fois, du {care_date(days[0], year=False)} au {care_date(days[-1], year=False)}"
    return replace(found[0], line=replace(line, words=joined((line.words, often))))


def _gone(before: Resource, patient: str) -> Told:
    line = telling.told(before, patient=patient)
    return replace(line, words=joined((line.words, "retiré du dossier")), href="", urgent=False)


def _error(resource: Resource | None) -> bool:
    if resource is None:
        return False
    return resource.get("status") in GONE or code(resource.get("verificationStatus")) in GONE


def _differences(before: Resource, now: Resource, patient: str) -> Iterator[str]:
    kind = str(now["resourceType"])
    yield from _BY_TYPE.get(kind, _whole)(before, now)
    if kind not in _BY_TYPE:
        was, line = telling.told(before, patient=patient), telling.told(now, patient=patient)
        if was.lead != line.lead:
            yield arrow(was.lead, line.lead)
        if was.words != line.words:
            yield line.words


def _whole(before: Resource, now: Resource) -> Iterator[str]:
    yield from ()


def arrow(before: str, now: str) -> str:
    """« 2,5 mg → 5 mg »; with nothing on one side, what is on the other."""
    if not before or not now:
        return now or f"{before} retiré"
    return f"{before} → {now}"


def contrast(before: str, now: str) -> str:
    """Two texts of the same beginning, said once: « Bisoprolol : 2,5 mg → 5 mg »."""
    was, new = before.split(), now.split()
    same = 0
    while same < min(len(was), len(new)) and was[same] == new[same]:
        same += 1
    after = 0
    while after < min(len(was), len(new)) - same and was[-1 - after] == new[-1 - after]:
        after += 1
    if not same:
        return arrow(before, now)
    left, right = was[same : len(was) - after], new[same : len(new) - after]
    tail = new[len(new) - after :]
    if tail and _unit(tail[0]):  # the number alone says little: « 2,5 mg → 5 mg »
        left, right, tail = [*left, tail[0]], [*right, tail[0]], tail[1:]
    rest = f", {' '.join(tail)}" if tail else ""
    return f"{' '.join(was[:same]).rstrip(',')} : {arrow(' '.join(left).rstrip(','), ' '.join(right).rstrip(','))}{rest}".replace(
        ",,", ","
    )


def _unit(word: str) -> bool:
    return word.strip(",;").lower() in {"mg", "g", "µg", "microgrammes", "ml", "ui", "u", "unités", "gouttes", "%"}


_STATUS = {
    "active": "repris", "stopped": "arrêté", "completed": "terminé", "on-hold": "suspendu", "cancelled": "annulé", "draft": "à confirmer",
    "not-taken": "non pris", "intended": "prévu",
}  # fmt: skip


def _of_treatment(before: Resource, now: Resource) -> Iterator[str]:
    if before.get("status") != now.get("status"):
        yield f"{drug(now)} {_STATUS.get(str(now.get('status')), str(now.get('status')))}"
    was, new = drug(before), drug(now)
    if was != new:
        yield contrast(was, new)
    if dose(before) != dose(now):
        yield f"{new} : {arrow(dose(before), dose(now))}" if was == new else dose(now)
    if telling.notes(before) != telling.notes(now):
        yield telling.notes(now)
    ends = [one.get("effectivePeriod", {}).get("end", "") for one in (before, now)]
    if ends[0] != ends[1] and ends[1] and now.get("status") == before.get("status"):
        yield f"{new} : fin le {care_date(ends[1])}"


def _of_team(before: Resource, now: Resource) -> Iterator[str]:
    was, new = ({_member(one) for one in team.get("participant", [])} - {""} for team in (before, now))
    if came := sorted(new - was):
        yield f"{', '.join(came)} {'entre' if len(came) == 1 else 'entrent'} dans le cercle"
    if left := sorted(was - new):
        yield f"{', '.join(left)} {'quitte' if len(left) == 1 else 'quittent'} le cercle"
    if before.get("status") != now.get("status") and now.get("status") in ("inactive", "suspended"):
        yield "cercle fermé"


def _member(participant: Mapping[str, Any]) -> str:
    member = participant.get("member", {})
    return str(member.get("display") or ("un membre" if member.get("reference") else ""))


def _of_plan(before: Resource, now: Resource) -> Iterator[str]:
    if before.get("title") != now.get("title"):
        yield arrow(str(before.get("title", "")), str(now.get("title", "")))
    if before.get("status") != now.get("status"):
        yield {"active": "en cours", "revoked": "interrompu", "completed": "terminé", "on-hold": "suspendu"}.get(
            str(now.get("status")), ""
        )
    if before.get("description") != now.get("description"):
        yield short(str(now.get("description", "")))
    was, new = (one.get("activity", []) for one in (before, now))
    if added := len(new) - len(was):
        yield f"{abs(added)} action{'s' if abs(added) > 1 else ''} {'ajoutée' if added > 0 else 'retirée'}{'s' if abs(added) > 1 else ''}"
    elif was != new:
        yield "actions revues"
    ends = [one.get("period", {}).get("end", "") for one in (before, now)]
    if ends[0] != ends[1] and ends[1]:
        yield f"à revoir le {care_date(ends[1])}"


def _of_person(before: Resource, now: Resource) -> Iterator[str]:
    both = (before, now)
    places = [_address(one) for one in both]
    if places[0] != places[1]:
        yield f"adresse : {arrow(*places)}"
    phones = [_phone(one) for one in both]
    if phones[0] != phones[1]:
        yield f"téléphone : {arrow(*phones)}"
    names = [telling.name(one) for one in both]
    if names[0] != names[1]:
        yield f"nom : {arrow(*names)}"
    doctors = [joined(str(d.get("display", "")) for d in one.get("generalPractitioner", [])) for one in both]
    if doctors[0] != doctors[1]:
        yield f"médecin traitant : {arrow(*doctors)}"
    if not (before.get("deceasedBoolean") or before.get("deceasedDateTime")) and (
        now.get("deceasedBoolean") or now.get("deceasedDateTime")
    ):
        yield "décès"


def _phone(person: Resource) -> str:
    return next((str(one.get("value", "")) for one in person.get("telecom", []) if one.get("system") == "phone"), "")


def _address(person: Resource) -> str:
    one: Any = next(iter(person.get("address", [])), {})
    return str(
        one.get("text") or " ".join([*one.get("line", []), str(one.get("postalCode", "")), str(one.get("city", ""))]).strip()
    )


def _of_document(before: Resource, now: Resource) -> Iterator[str]:
    if before.get("status") != now.get("status"):
        yield {"superseded": "remplacé par une version plus récente", "current": "de nouveau en cours"}.get(
            str(now.get("status")), ""
        )


def _of_stay(before: Resource, now: Resource) -> Iterator[str]:
    if before.get("status") != now.get("status"):
        yield {"finished": "terminé", "cancelled": "annulé", "in-progress": "en cours", "onleave": "en permission"}.get(
            str(now.get("status")), ""
        )


def _of_answers(before: Resource, now: Resource) -> Iterator[str]:
    was, new = (dict(_items(one.get("item", []))) for one in (before, now))
    for label in dict.fromkeys([*was, *new]):
        if was.get(label, "") != new.get(label, ""):
            yield f"{label.lower()} : {arrow(short(was.get(label, '')), short(new.get(label, '')))}"


def _items(items: list[Any]) -> Iterator[tuple[str, str]]:
    for one in items:
        yield str(one.get("text") or one.get("linkId", "")), joined(_answer(answer) for answer in one.get("answer", []))
        yield from _items(one.get("item", []))


def _answer(answer: Mapping[str, Any]) -> str:
    if "valueCoding" in answer:
        return str(answer["valueCoding"].get("display") or answer["valueCoding"].get("code", ""))
    if "valueBoolean" in answer:
        return "oui" if answer["valueBoolean"] else "non"
    said = next((value for name, value in answer.items() if name.startswith("value")), "")
    return number(said) if isinstance(said, int | Decimal) else str(said)


def _of_appointment(before: Resource, now: Resource) -> Iterator[str]:
    if before.get("start") != now.get("start"):
        yield f"déplacé au {care_date(str(now.get('start', '')))}"
    if before.get("status") != now.get("status"):
        yield {"cancelled": "annulé", "fulfilled": "honoré", "noshow": "non honoré", "booked": "confirmé"}.get(
            str(now.get("status")), ""
        )


def _of_measure(before: Resource, now: Resource) -> Iterator[str]:
    if telling.value(before) != telling.value(now):
        yield f"corrigé : {arrow(telling.value(before), telling.value(now))}"


_BY_TYPE: dict[str, Words] = {
    "MedicationStatement": _of_treatment, "MedicationRequest": _of_treatment, "CareTeam": _of_team, "CarePlan": _of_plan, "Patient": _of_person,
    "DocumentReference": _of_document, "Encounter": _of_stay, "QuestionnaireResponse": _of_answers, "Appointment": _of_appointment,
    "Observation": _of_measure,
}  # fmt: skip
