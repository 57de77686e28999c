"""What is asked of somebody within a conversation: a measure, something to do, an opinion. Kept as a Task by the service that has tasks, which says here how."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from maillage.access.context import Context
from maillage.errors import Forbidden, Invalid, Issue
from maillage.services.messaging.resources.message import Readers

KINDS: Mapping[str, str] = {"measure": "Une mesure", "todo": "Une action", "opinion": "Un avis"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked in a message. `task` is the id that the Task takes; `words` what it may say to who sees it and not the conversation."""

    task: str
    kind: str
    patient: str
    owner: str
    due: datetime
    message: str
    words: str
    readers: Readers


Asker = Callable[[Context, Wish], Awaitable[None]]
Answerer = Callable[[Context, str, str], Awaitable[None]]
_ASKERS: list[Asker] = []
_ANSWERERS: list[Answerer] = []


def asks(asker: Asker) -> Asker:
    """Registers what writes the Task of a wish."""
    _ASKERS[:] = [asker]
    return asker


def answers(answerer: Answerer) -> Answerer:
    """Registers what ends a Task (its id) with what came of it."""
    _ANSWERERS[:] = [answerer]
    return answerer


def possible() -> bool:
    """Whether a service that has tasks runs."""
    return bool(_ASKERS and _ANSWERERS)


def task_of(key: str) -> str:
    """The id of the Task that a message asks for: sent twice, it is the same."""
    return str(uuid5(UUID(key), "asked"))


async def ask(ctx: Context, wish: Wish, *, among: set[str]) -> None:
    """Asks it of one of those who read the conversation. Invalid, with the field, of another or of no kind."""
    if not possible():
        raise Forbidden("nothing can be asked here: no service has tasks")
    if wish.kind not in KINDS:
        raise Invalid.at("demande", "Choisissez ce que vous demandez.")
    if wish.owner not in among:
        text = "Choisissez à qui vous le demandez, parmi les professionnels qui lisent."
        raise Invalid(text, issues=[Issue("invalid", text, "a_qui")])
    for asker in _ASKERS:
        await asker(ctx, wish)


async def answer(ctx: Context, task: str, words: str) -> None:
    """Ends what was asked with what came of it."""
    for answerer in _ANSWERERS:
        await answerer(ctx, task, words)
