"""Those who come by an invitation that is not theirs: replayed, guessed, forwarded, too late, taken back, by a patient, two at once, by somebody who is out."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from maillage.access import emergency
from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.emergency import Reason
from maillage.clock import FixedClock
from maillage.errors import Forbidden, Gone, NotFound
from maillage.services.coordination import pages
from maillage.services.coordination.service import circles, invitations
from tests.support.browser import HERE
from tests.support.invited import NUMBER, accept, follow, invite, link, states, write_people
from tests.support.people import SEED, care_team, carer, officer_of, patient, professional
from tests.support.teams import GP, LISE, OTHER, OUTSIDER, P, sees

PATIENT_OF_THEIR_OWN = patient("q")


@pytest.fixture
async def territory(access: Access) -> None:
    await write_people(access)


async def look(access: Access, actor: Actor, secret: str) -> None:
    async with access.act(actor, read_only=True) as ctx:
        await invitations.opened(ctx, access, secret=secret)


async def refused(access: Access) -> list[Any]:
    """What the person finds in their trail of those who were turned away."""
    async with access.act(P, read_only=True) as ctx:
        return [
            (line["name"], line["query"])
            for line in await ctx.records.trail("p")
            if line["outcome"] == "4" and line["type"] == "invitation"
        ]


async def test_a_link_opens_once(territory: None, access: Access) -> None:
    secret = await link(access, await invite(access, email="outsider@exemple.fr"))
    await accept(access, OUTSIDER, secret=secret)
    assert await sees(access, OUTSIDER, "Patient", "p")
    for actor in (OUTSIDER, OTHER):
        with pytest.raises(Gone):
            await accept(access, actor, secret=secret)
    assert not await sees(access, OTHER, "Patient", "p")


async def test_a_secret_that_is_guessed_and_a_number_that_is_known_open_nothing(territory: None, access: Access) -> None:
    bound, open_ = await invite(access, email="outsider@exemple.fr"), await invite(access, email="inconnu@exemple.fr")
    secret = await link(access, open_)
    for guess in ("x", secret[:-1], secret + "x", secret.swapcase(), "' or true --", "\x00", open_):
        with pytest.raises(Gone):
            await accept(access, OTHER, secret=guess)
    for number in (bound, open_):  # the number of an invitation is no secret, and is enough for nobody but who is known
        with pytest.raises(Gone):
            await accept(access, OTHER, id=number)
    with pytest.raises(NotFound):
        await accept(access, OTHER, id="no-number")
    assert await states(access) == ["sent", "sent"]
    await accept(access, OUTSIDER, id=bound)
    assert await sees(access, OUTSIDER, "Patient", "p")


async def test_a_link_that_is_forwarded_is_refused_to_the_other_traced_and_still_counts_for_the_invited(
    territory: None, access: Access
) -> None:
    for known in (
        {"email": "outsider@exemple.fr"},
        {"email": "cabinet@exemple.fr", "rpps": NUMBER["outsider"]},
        {"email": "neuf@exemple.fr", "rpps": "10009999927"},
    ):
        secret = await link(access, await invite(access, **known))
        with pytest.raises(Forbidden, match="other"):
            await look(access, OTHER, secret)
        with pytest.raises(Forbidden, match="other"):
            await accept(access, OTHER, secret=secret)
        if known["email"] != "neuf@exemple.fr":
            await accept(access, OUTSIDER, secret=secret)
    assert not await sees(access, OTHER, "Patient", "p")
    assert await sees(access, OUTSIDER, "Patient", "p")
    assert (await refused(access)).count(("Other", "other")) == 6


async def test_a_link_forwarded_where_nobody_knows_the_invited_lets_nobody_in_unconfirmed(
    territory: None, access: Access
) -> None:
    id = await invite(access)
    await accept(access, OTHER, secret=await link(access, id))
    assert not await sees(access, OTHER, "Patient", "p")
    for actor in (OTHER, OUTSIDER, LISE):  # nobody confirms themself
        with pytest.raises(NotFound):
            async with access.act(actor) as ctx:
                await invitations.confirm(ctx, "p", id)
    assert not await sees(access, OTHER, "Patient", "p")
    async with access.act(GP) as ctx:
        await invitations.confirm(ctx, "p", id)
    assert await sees(access, OTHER, "Patient", "p")


async def test_a_link_that_is_too_old_or_was_taken_back_opens_nothing(territory: None, access: Access, clock: FixedClock) -> None:
    late = await link(access, await invite(access, email="outsider@exemple.fr"))
    await look(access, OUTSIDER, late)
    clock.advance(timedelta(days=7))
    with pytest.raises(Gone):
        await accept(access, OUTSIDER, secret=late)
    id = await invite(access, email="outsider@exemple.fr")
    secret = await link(access, id)
    await look(access, OUTSIDER, secret)
    async with access.act(GP) as ctx:
        await invitations.take_back(ctx, "p", id)
    for by in ({"secret": secret}, {"id": id}):
        with pytest.raises(Gone):
            await accept(access, OUTSIDER, **by)
    assert not await sees(access, OUTSIDER, "Patient", "p")


async def test_nobody_but_a_professional_of_the_directory_opens_a_link(territory: None, access: Access) -> None:
    secret = await link(access, await invite(access))
    for actor in (P, PATIENT_OF_THEIR_OWN, carer("c"), officer_of(Role.STEWARD), officer_of(Role.OPERATOR), officer_of(Role.ARS)):
        with pytest.raises(Forbidden, match="not-professional"):
            await look(access, actor, secret)
        with pytest.raises(Forbidden, match="not-professional"):
            await accept(access, actor, secret=secret)
    with pytest.raises(Forbidden, match="no-place"):
        await accept(access, professional("nowhere", Role.GP), secret=secret)
    await accept(access, OTHER, secret=secret)
    assert await states(access) == ["opened"]


async def test_of_two_who_open_a_link_at_once_one_does(territory: None, access: Access) -> None:
    secret = await link(access, await invite(access))
    answers = await asyncio.gather(
        *(accept(access, one, secret=secret) for one in (OTHER, OUTSIDER, OTHER, OUTSIDER)), return_exceptions=True
    )
    assert sum(not isinstance(one, BaseException) for one in answers) == 1
    assert all(isinstance(one, Gone) for one in answers if isinstance(one, BaseException))


async def test_an_invitation_by_somebody_who_is_out_meanwhile_lets_nobody_in(
    territory: None, access: Access, clock: FixedClock
) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write(care_team("p", "Practitioner/gp", "Practitioner/other"))
    id = await invite(access, OTHER, email="outsider@exemple.fr")
    async with access.act(GP) as ctx:
        await circles.remove(ctx, "p", "Practitioner/other", words="ne suit plus", version="")
    clock.advance(timedelta(milliseconds=1))
    await accept(access, OUTSIDER, id=id)
    assert not await sees(access, OUTSIDER, "Patient", "p")
    assert await states(access) == ["revoked"]


async def test_who_is_let_in_and_taken_back_at_the_same_time_is_out(territory: None, access: Access, clock: FixedClock) -> None:
    id = await invite(access, email="outsider@exemple.fr")
    async with access.act(OUTSIDER) as ctx:
        await invitations.accept(ctx, id=id)

    async def take_back() -> None:
        async with access.act(GP) as ctx:
            await invitations.take_back(ctx, "p", id)

    await asyncio.gather(follow(access, id), take_back())
    await follow(access, id)
    clock.advance(timedelta(milliseconds=1))
    assert not await sees(access, OUTSIDER, "Patient", "p")
    assert await states(access) == ["revoked"]


async def test_the_invitations_of_another_record_are_not_theirs_to_read_or_move(territory: None, access: Access) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Patient", "id": "q"})
        await ctx.records.write(care_team("q", "Practitioner/other"))
    id = await invite(access)
    for patient_id in ("p", "q"):
        for act in (invitations.confirm, invitations.take_back, invitations.send_again):
            with pytest.raises(NotFound):
                async with access.act(OTHER) as ctx:
                    await act(ctx, patient_id, id)
    with pytest.raises(NotFound):
        async with access.act(OTHER, read_only=True) as ctx:
            await invitations.of_record(ctx, "p")
    for actor in (P, carer("c")):
        with pytest.raises(Forbidden):
            async with access.act(actor, read_only=True) as ctx:
                await invitations.of_record(ctx, "p")
    assert await states(access) == ["sent"]


async def test_what_the_pages_say_to_those_who_are_turned_away(
    territory: None, access: Access, application: Any, signed_in: Any
) -> None:
    secret = await link(access, await invite(access, email="outsider@exemple.fr"))
    app = application(pages)
    for actor, status, words in (
        (OTHER, 403, "pour quelqu’un d’autre"), (P, 403, "pour un professionnel"), (OUTSIDER, 200, "Rejoindre le cercle"),
    ):  # fmt: skip
        headers = [("accept", "text/html"), *await signed_in(actor)]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE, headers=headers) as client:
            answer = await client.get("/invitation", params={"lien": secret})
            assert (answer.status_code, words in answer.text) == (status, True), actor.id
            assert ("PAT-TROIS" in answer.text) == (actor is OUTSIDER)
            assert (await client.get("/invitation", params={"lien": "x"})).status_code == 410
    assert ("Other", "other") in await refused(access)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE, headers=[("accept", "text/html")]) as nobody:
        away = await nobody.get("/invitation", params={"lien": secret})
        assert away.headers["location"].startswith("/connexion?suite=%2Finvitation")


async def test_whoever_opened_a_record_in_an_emergency_lets_nobody_into_its_circle(territory: None, access: Access) -> None:
    """Not by a link either, to a friend or to an address of their own: the platform would write what they may not."""
    async with access.act(OUTSIDER) as ctx:
        await emergency.open_record(ctx, "p", reason=Reason.UNABLE, words="Trouvée inconsciente à son domicile")
    assert await sees(access, OUTSIDER, "Patient", "p")
    for address in ("outsider@exemple.fr", "inconnu@exemple.fr"):
        with pytest.raises(Forbidden):
            await invite(access, OUTSIDER, email=address)
    assert await states(access) == []
    id = await invite(access, email="inconnu@exemple.fr")  # the circle itself may
    secret = await link(access, id)
    await accept(access, OTHER, secret=secret)
    with pytest.raises(Forbidden):
        async with access.act(OUTSIDER) as ctx:
            await invitations.confirm(ctx, "p", id)
    assert not await sees(access, OTHER, "Patient", "p")


async def test_nobody_is_let_in_by_somebody_who_only_came_in_an_emergency_meanwhile(territory: None, access: Access) -> None:
    id = await invite(access, email="outsider@exemple.fr")
    async with access.act(SEED) as ctx:
        await ctx.records.write(care_team("p"))
    async with access.act(GP) as ctx:
        await emergency.open_record(ctx, "p", reason=Reason.UNABLE, words="Trouvée inconsciente à son domicile")
    await accept(access, OUTSIDER, secret=await link(access, id))
    assert not await sees(access, OUTSIDER, "Patient", "p")
