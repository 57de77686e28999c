"""What a person chose about their record: read, said by themself, or collected from them by somebody of their circle."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from maillage.access.choices import FROM_CARERS
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.references import local
from maillage.errors import Forbidden, Gone, Invalid, NotFound
from maillage.services.rights import rules
from maillage.services.rights.resources import EXCLUDED, HIDDEN, Choice, Proof, choices_in, consent_of
from maillage.services.rights.service.carers import refuse_unless_in_their_name

MOST = 200


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of a person that count now. `titles` gives those of the documents that are hidden, by reference."""

    said: dict[str, Choice]
    excluded: Sequence[Choice]
    hidden: Sequence[Choice]
    titles: dict[str, str]
    secret: Sequence[Choice] = ()

    def denied(self, about: str) -> bool:
        """Whether the person said no to a purpose."""
        choice = self.said.get(about)
        return choice is not None and choice.denied

    def hides(self, document: str) -> bool:
        """Whether the person hid a document (its id)."""
        return any(one.target == f"DocumentReference/{document}" for one in self.hidden)

    def excludes(self, reference: str) -> bool:
        """Whether the person excluded a professional or an organisation."""
        return any(one.target == reference for one in self.excluded)


async def choices_of(ctx: Context, patient: str) -> Choices:
    """What the person chose, as far as the reader may know: whom they excluded and what they hid is told to nobody who cares for them."""
    consents = await ctx.records.find("Consent", {"patient": f"Patient/{patient}", "status": "active", "_count": str(MOST)})
    found = choices_in(consents)
    hidden = [one for one in found if one.about == HIDDEN and one.denied and one.target]
    secret = [one for one in found if one.about == FROM_CARERS and one.denied and one.target]
    return Choices(
        said={one.about: one for one in found if one.target is None},
        excluded=[one for one in found if one.about == EXCLUDED and one.denied and one.target],
        hidden=hidden,
        titles=await _titles(ctx, [str(one.target) for one in hidden]),
        secret=secret,
    )


async def choose(ctx: Context, patient: str, about: str, *, denied: bool, how: str = "online") -> None:
    """Says yes or no to one purpose of `rules.CHOICES`: the person online, or somebody of their circle who collected it, spoken or written.

    Invalid for an unknown purpose or way; Forbidden to whoever may not.
    """
    if about not in rules.CHOICES:
        raise Invalid.at("about", f"{about} is none of {', '.join(rules.CHOICES)}")
    proof = await _proof(ctx, patient, how)
    await ctx.records.write(consent_of(patient, about, denied=denied, proof=proof))


async def note_agreement(
    ctx: Context, patient: str, about: str, *, how: str, at: datetime, person: str | None = None, collector: str | None = None
) -> bool:
    """What a form collected of a person (said by `person`, the Patient themself unless told otherwise) is their choice; for jobs.

    False where they refuse this purpose, or all sharing; what they said of it before stays as it is.
    """
    chosen = await choices_of(ctx, patient)
    if chosen.denied(about) or chosen.denied("sharing"):
        return False
    if about not in chosen.said:
        proof = Proof(person=person or f"Patient/{patient}", collector=collector, how=how, at=at)
        await ctx.records.write(consent_of(patient, about, denied=False, proof=proof))
    return True


async def exclude(ctx: Context, patient: str, who: str, *, excluded: bool = True) -> None:
    """From now on this professional or organisation ("Practitioner/3") sees nothing of the record, or no longer nothing."""
    reference = local(who)
    if reference is None or not reference.startswith(("Practitioner/", "Organization/")):
        raise Invalid.at("who", "a professional or an organisation is excluded, by their reference")
    proof = await _proof(ctx, patient, "online")
    await ctx.records.write(consent_of(patient, EXCLUDED, denied=excluded, proof=proof, target=reference))


async def hide(ctx: Context, patient: str, document: str, *, hidden: bool = True) -> None:
    """From now on this document (its id) is the person's and its authors', or again their circle's."""
    proof = await _proof(ctx, patient, "online")
    reference = f"DocumentReference/{document}"
    await ctx.records.write(consent_of(patient, HIDDEN, denied=hidden, proof=proof, target=reference))


async def address_to_write(ctx: Context, patient: str) -> str | None:
    """The e-mail address of a person who lives, has one on their record and did not say no to messages; for jobs."""
    if (await choices_of(ctx, patient)).denied("messaging"):
        return None
    try:
        person = await ctx.records.read("Patient", patient)
        return None if person.get("deceasedBoolean") or person.get("deceasedDateTime") else rules.email_of(person)
    except (NotFound, Gone):
        return None


async def keep_secret(ctx: Context, patient: str, record: str, *, secret: bool = True) -> None:
    """From now on this stay or document ("Encounter/3") is kept from who helps or represents the person, with all that belongs to it; or no longer.

    By the person alone: Forbidden to whoever acts in their name.
    """
    if ctx.actor.reference != f"Patient/{patient}":
        raise Forbidden("what is kept from legal representatives is for the person to say")
    if local(record) is None or not record.startswith(("Encounter/", "DocumentReference/")):
        raise Invalid.at("record", "a stay or a document is kept secret, by its reference")
    proof = await _proof(ctx, patient, "online")
    await ctx.records.write(consent_of(patient, FROM_CARERS, denied=secret, proof=proof, target=record))


async def _proof(ctx: Context, patient: str, how: str) -> Proof:
    person = f"Patient/{patient}"
    if how == "online":
        ctx.require(Permission.CHOICES_MAKE, patient=patient)
        await refuse_unless_in_their_name(ctx, patient)
        return Proof(person=ctx.actor.reference or person, collector=None, how=how, at=ctx.now)
    ctx.require(Permission.CHOICES_COLLECT, patient=patient)
    if how not in rules.WAYS:
        raise Invalid.at("how", f"a choice is collected {' or '.join(rules.WAYS)}")
    return Proof(person=person, collector=ctx.actor.reference, how=how, at=ctx.now)


async def _titles(ctx: Context, references: Sequence[str]) -> dict[str, str]:
    if not references:
        return {}
    ids = ",".join(sorted(one.removeprefix("DocumentReference/") for one in references))
    found = await ctx.records.find("DocumentReference", {"_id": ids, "_count": str(MOST)})
    return {f"DocumentReference/{one['id']}": rules.title_of(one) for one in found}
