"""Who is told outside of the pages that something waits: by e-mail, and on the browsers that they chose."""

from collections.abc import Iterable
from dataclasses import dataclass

from maillage.access.context import Context
from maillage.services.directory import public as directory
from maillage.services.messaging.service import pushing
from maillage.services.messaging.service.mail import owe_mail


@dataclass(frozen=True, slots=True)
class Due:
    """What may go at once."""

    mail: bool = False
    push: bool = False


NOTHING = Due()


async def owe(ctx: Context, members: Iterable[directory.Member], *, urgent: bool = False) -> Due:
    """Counts one more notice for each of these. What is `urgent` waits for no hour."""
    people = list(members)
    mail = await owe_mail(ctx, people, urgent=urgent)
    return Due(mail, await pushing.owe(ctx, [one.reference for one in people], urgent=urgent))
