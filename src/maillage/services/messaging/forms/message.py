"""The forms of a message: what was written, to whom, with what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from starlette.datastructures import FormData, UploadFile

from maillage.services.messaging.resources.message import Readers
from maillage.services.messaging.rules.conversations import AUDIENCES
from maillage.services.messaging.service.attachments import File

CHOSEN = "membres"
NOTHING = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message as the form holds it, kept when it cannot be sent. `key` makes it be sent once.

    `ask` a kind of `asking.KINDS`, of `owner`, for the day `due`; `answered` the id of the Task to which the message answers; `continues`: its readers are those of
    a conversation that is gone on from.
    """

    key: str = field(default_factory=lambda: str(uuid4()))
    text: str = ""
    topic: str = ""
    audience: str = ""
    chosen: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    ask: str = ""
    owner: str = ""
    due: str = ""
    answered: str = ""
    urgent: bool = False
    continues: bool = False
    files: Sequence[File] = ()
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def readers(self) -> Readers:
        """To whom the form would have a new conversation open."""
        return Readers(chosen=self.chosen) if self.audience == CHOSEN else AUDIENCES.get(self.audience, AUDIENCES["cercle"])


async def draft_of(form: FormData) -> Draft:
    """What was sent; a key that is none gets a new one."""
    text = {name: value for name, value in form.items() if isinstance(value, str)}
    files = [one for one in form.getlist("fichiers") if isinstance(one, UploadFile) and one.filename]
    return Draft(
        key=_key(text.get("cle", "")),
        text=text.get("message", "").replace("\r\n", "\n"),
        topic=text.get("sujet", ""),
        audience=text.get("lecteurs", ""),
        chosen=_named(form, "membres"),
        mentions=_named(form, "mentions"),
        ask=text.get("demande", ""),
        owner=text.get("a_qui", ""),
        due=text.get("pour_le", ""),
        answered=text.get("repond", ""),
        urgent=text.get("urgent") == "oui",
        files=[File(str(one.filename), one.content_type or NOTHING, await one.read()) for one in files],
    )


def _named(form: FormData, name: str) -> tuple[str, ...]:
    return tuple(one for one in form.getlist(name) if isinstance(one, str) and "/" in one)


def _key(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return str(uuid4())
