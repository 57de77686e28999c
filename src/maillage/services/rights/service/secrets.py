"""What is kept from legal representatives and carers: a stay or a document, by who cares for the person as they note it, or by the person (CSP L1111-5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid, NotFound
from maillage.services.rights import rules
from maillage.services.rights.events import SecretLifted
from maillage.services.rights.rules import secrets as secret_rules
from maillage.services.rights.service.choices import Choices, choices_of, keep_secret

MOST = 50
KINDS = ("Encounter", "DocumentReference")


@dataclass(frozen=True, slots=True)
class Kept:
    """A stay or a document ("Encounter/3"), what it is called, when (FHIR date), and whether it is kept from carers: by the person, by a professional's label."""

    reference: str
    title: str
    when: str
    by_person: bool
    labelled: bool

    @property
    def secret(self) -> bool:
        """Whether carers and legal representatives see it not."""
        return self.by_person or self.labelled


async def secrets_of(ctx: Context, patient: str) -> list[Kept]:
    """The last stays and documents of a person, each with whether it is secret: for the person, and for who cares for them."""
    _refuse_carers(ctx, patient)
    asked = {"patient": f"Patient/{patient}", "_sort": "-date", "_count": str(MOST)}
    found = [one for kind in KINDS for one in await ctx.records.find(kind, asked)]
    return list(_kept(found, await choices_of(ctx, patient)))


async def mark_secret(ctx: Context, patient: str, reference: str) -> None:
    """Whoever cares for the person keeps a stay or a document of theirs from legal representatives and carers, with all that belongs to it, from now on.

    NotFound where it is not in this record; Forbidden to others.
    """
    ctx.require(Permission.SECRETS_KEEP, patient=patient)
    resource = await _of_record(ctx, patient, reference)
    if not secret_rules.is_labelled(resource):
        await ctx.records.write(secret_rules.labelled(resource))


async def say_secret(ctx: Context, patient: str, reference: str, *, secret: bool) -> None:
    """The person keeps one of theirs to themself, or lifts the secret, whoever kept it: of a professional's label within seconds. Forbidden to others."""
    resource = await _of_record(ctx, patient, reference)
    await keep_secret(ctx, patient, reference, secret=secret)
    if not secret and secret_rules.is_labelled(resource):
        ctx.announce(SecretLifted(record=reference, patient=patient))


async def take_label(ctx: Context, reference: str) -> None:
    """Takes the label away that the person does not want any more: for the reaction."""
    kind, _, id = reference.partition("/")
    resource = await ctx.records.read(kind, id)
    if secret_rules.is_labelled(resource):
        await ctx.records.write(secret_rules.unlabelled(resource))


async def _of_record(ctx: Context, patient: str, reference: str) -> dict[str, Any]:
    _refuse_carers(ctx, patient)
    kind, _, id = reference.partition("/")
    if kind not in KINDS:
        raise Invalid.at("quoi", f"what is kept secret is one of {', '.join(KINDS)}")
    resource = await ctx.records.read(kind, id)
    if resource.get("subject", {}).get("reference") != f"Patient/{patient}":
        raise NotFound(f"{reference} is not in this record")
    return resource


def _refuse_carers(ctx: Context, patient: str) -> None:
    if ctx.actor.reference != f"Patient/{patient}":
        ctx.require(Permission.SECRETS_KEEP, patient=patient)


def _kept(found: Iterable[dict[str, Any]], chosen: Choices) -> Iterable[Kept]:
    said = {one.target for one in chosen.secret}
    for one in found:
        reference = f"{one['resourceType']}/{one['id']}"
        stay = one["resourceType"] == "Encounter"
        title = secret_rules.stay_words(one) if stay else rules.title_of(one)
        when = one.get("period", {}).get("start", "") if stay else one.get("date", "")
        yield Kept(reference, title, when, reference in said, secret_rules.is_labelled(one))
