"""The coordinator's week: calls that were made, visits to come, to people who came home from hospital."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from maillage.demo.numbers import resource_id
from maillage.demo.people import Person
from maillage.demo.personas import persona
from maillage.services.coordination.public import contact_for, visit_for

Resource = dict[str, Any]

CALLS = (
    ("Retour à domicile", "Elle se sent mieux. Infirmière passée ce matin, ordonnance comprise, repas livrés.", True),
    ("Retour à domicile", "", False),
    ("Portage des repas", "Mairie rappelée : début lundi.", True),
)
VISITS = (("Évaluer le domicile", 1, 9), ("Revoir le plan avec son fils", 2, 13), ("Première rencontre", 3, 9))
"""What for, in how many days, at which hour (UTC)."""


def week(people: Sequence[Person], *, at: datetime) -> Iterator[Resource]:
    """Contacts of the last days and visits of the next ones, one of each for each of the first people."""
    who = persona("coordinator")
    named = {"reference": who.reference or "", "display": who.name}
    for rank, (person, (subject, result, reached)) in enumerate(zip(people, CALLS, strict=False)):
        made = contact_for(
            patient=person.id, means="PHONE", by=named, with_whom={"reference": person.reference, "display": person.name}, subject=subject,
            result=result, at=at - timedelta(days=rank, hours=2), reached=reached,
        )  # fmt: skip
        yield {**made, "id": resource_id("Communication", f"call-{person.id}")}
    for person, (what, days, hour) in zip(people, VISITS, strict=False):
        start = (at + timedelta(days=days)).replace(hour=hour, minute=30, second=0, microsecond=0)
        visit = visit_for(patient=person.id, who=named, what=what, start=start, end=start + timedelta(hours=1), place="", at=at)
        yield {**visit, "id": resource_id("Appointment", f"home-{person.id}")}
