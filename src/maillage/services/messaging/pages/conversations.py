"""Conversations: listed, read, written in. Reading is said by a button, or by answering; opening marks nothing."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from maillage.access.actors import CARE_ROLES
from maillage.access.context import Context
from maillage.access.permissions import Permission, permits
from maillage.clock import PARIS, in_paris
from maillage.errors import (
    Forbidden,
    Gone,
    Infected,
    Invalid,
    MaillageError,
    NotFound,
    PreconditionFailed,
    TooLarge,
    Unprocessable,
    Unsupported,
)
from maillage.files.names import file_name
from maillage.http import Request, action, page, redirect
from maillage.http.routes import API_BODY
from maillage.services.directory.public import Member
from maillage.services.identity import public as identity
from maillage.services.messaging.forms.message import Draft, draft_of
from maillage.services.messaging.resources.message import Readers
from maillage.services.messaging.resources.wish import wish_from
from maillage.services.messaging.rules import conversations as rules
from maillage.services.messaging.service import asking, attachments, exporting, messages, threads
from maillage.services.messaging.service.threads import Conversation, Conversations
from maillage.ui import render
from maillage.ui.places import record_tabs

REFUSED_FILES = (TooLarge, Unsupported, Infected)
USUAL_DELAY, CLOSE_OF_DAY = timedelta(days=3), time(18)
"""By when something is wanted where nobody said, and at which hour of that day."""
SHOWN_INLINE = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})


async def everyone(request: Request, ctx: Context) -> Response:
    """GET /messages: what was written about all those one follows; the newest conversation is open."""
    listed = await threads.conversations(ctx, cursor=request.query_params.get("suite"))
    own = await threads.own_patient(ctx)
    return await _page(request, ctx, listed, home="/messages", patient=own, thread=_first(request, listed))


async def of_patient(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/messages: the conversations about one person."""
    patient = str(request.path_params["id"])
    listed = await threads.conversations(ctx, patient=patient, cursor=request.query_params.get("suite"))
    return await _page(
        request, ctx, listed, home=f"/patients/{patient}/messages", patient=patient, thread=_first(request, listed)
    )


async def one(request: Request, ctx: Context) -> Response:
    """GET /messages/{id}: one conversation."""
    held = await threads.conversation(ctx, str(request.path_params["id"]))
    return await _open(request, ctx, held)


async def new(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/messages/nouveau: the form that begins a conversation; `?comme=` that goes on from one among some members, to add others."""
    patient, like = str(request.path_params["id"]), request.query_params.get("comme")
    return await _new_page(request, ctx, patient, await _like(ctx, patient, like) if like else Draft())


async def _like(ctx: Context, patient: str, thread: str) -> Draft:
    held = await threads.conversation(ctx, thread)
    if held.patient != patient or held.readers.care_only:
        raise NotFound(f"Communication/{thread} is of no conversation about Patient/{patient}")
    chosen = tuple(one.reference for one in held.members if one.reference != ctx.actor.reference)
    return Draft(topic=held.topic, audience="membres", chosen=chosen, continues=True)


async def begin(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/messages: begins a conversation, or says what is missing."""
    patient, draft = str(request.path_params["id"]), await draft_of(await request.form())
    if not draft.audience:
        draft = replace(draft, audience="professionnels" if permits(ctx.actor, Permission.RECORD_READ) else "cercle")

    async def write() -> str:
        person, *circle = await threads.around(ctx, patient)
        members = rules.readers(circle, draft.readers, person=person, sender=ctx.actor.reference or "")
        joined = await attachments.keep(ctx, draft.files, patient=patient, key=draft.key, readers=draft.readers)
        wish = _wish(ctx, draft, patient=patient, readers=draft.readers)
        thread = await messages.begin(
            ctx, patient=patient, key=draft.key, topic=draft.topic, text=draft.text, readers=draft.readers,
            chosen=draft.audience == "membres", mentions=_named(ctx, draft, members), attached=joined, urgent=draft.urgent,
            asked=[f"Task/{wish.task}"] if wish else (),
        )  # fmt: skip
        if wish:
            await asking.ask(ctx, wish, among=_among(ctx, members))
        return thread

    async def again(draft: Draft) -> Response:
        return await _new_page(request, ctx, patient, draft, status=422)

    return await _sent(request, ctx, draft, write, again)


async def reply(request: Request, ctx: Context) -> Response:
    """POST /messages/{id}: writes in a conversation."""
    thread, draft = str(request.path_params["id"]), await draft_of(await request.form())

    async def write() -> str:
        held = await threads.conversation(ctx, thread)
        joined = await attachments.keep(ctx, draft.files, patient=held.patient, key=draft.key, readers=held.audience)
        wish = _wish(ctx, draft, patient=held.patient, readers=held.readers)
        await messages.reply(
            ctx, thread=held.id, key=draft.key, text=draft.text, mentions=_named(ctx, draft, held.members), attached=joined, urgent=draft.urgent,
            asked=[f"Task/{wish.task}"] if wish else (),
        )  # fmt: skip
        if wish:
            await asking.ask(ctx, wish, among=_among(ctx, held.members))
        if draft.answered:
            await asking.answer(
                ctx, draft.answered, draft.text.strip() if _is_open(held.readers) else "Répondu dans la conversation"
            )
        return held.id

    async def again(draft: Draft) -> Response:
        return await _open(request, ctx, await threads.conversation(ctx, thread), draft=draft, status=422)

    return await _sent(request, ctx, draft, write, again)


async def _sent(
    request: Request,
    ctx: Context,
    draft: Draft,
    write: Callable[[], Awaitable[str]],
    again: Callable[[Draft], Awaitable[Response]],
) -> Response:
    """Writes all or nothing; what cannot be sent is shown again with its words, also to who is no longer of the circle."""
    try:
        async with ctx.savepoint():
            thread = await write()
    except REFUSED_FILES as fault:
        return await again(replace(draft, faults={"fichiers": _of_file(fault)}))
    except Unprocessable as fault:
        return await again(replace(draft, faults={"fichiers": _of_file(fault)}))
    except Invalid as fault:
        said = {str(issue.expression): issue.diagnostics for issue in fault.issues}
        if not said.keys() <= {"sujet", "message", "membres", "fichiers", "demande", "a_qui", "pour_le"}:
            said = {"membres": "Un de ces membres a quitté le cercle : choisissez parmi ceux qui y sont."}
        return await again(replace(draft, faults=said))
    except (NotFound, Gone, Forbidden):
        return render(request, ctx, "messaging/left.html", status=403, draft=draft)
    return redirect(f"/messages/{thread}#fin")


def _named(ctx: Context, draft: Draft, members: Sequence[Member]) -> list[str]:
    """Whom the message names: those who were ticked, and those named in its words."""
    others = [one for one in members if one.reference != ctx.actor.reference]
    said = [one for one in draft.mentions if one in {other.reference for other in others}]
    return list(dict.fromkeys([*said, *rules.named_in(draft.text, others)]))


def _among(ctx: Context, members: Sequence[Member]) -> set[str]:
    return {one.reference for one in rules.asked_of(members, me=ctx.actor.reference or "")}


def _wish(ctx: Context, draft: Draft, *, patient: str, readers: Readers) -> asking.Wish | None:
    """What the message asks of somebody. Its Task says the words only where everybody in the circle reads them."""
    if not draft.ask:
        return None
    try:
        day = date.fromisoformat(draft.due) if draft.due else in_paris(ctx.now).date() + USUAL_DELAY
    except ValueError:
        raise Invalid.at("pour_le", "Indiquez une date.") from None
    due = datetime.combine(day, CLOSE_OF_DAY, tzinfo=PARIS)
    words = draft.text.strip() if _is_open(readers) else "Demandé dans une conversation : ouvrez-la pour lire et répondre."
    return asking.Wish(
        task=asking.task_of(draft.key), kind=draft.ask, patient=patient, owner=draft.owner, due=due, message=draft.key, words=words,
        readers=readers,
    )  # fmt: skip


def _is_open(readers: Readers) -> bool:
    return not (readers.chosen or readers.care_only or readers.professionals)


def _of_file(fault: MaillageError) -> str:
    if isinstance(fault, TooLarge):
        return "Ce fichier est trop lourd, ou il y en a trop : réduisez-le, puis joignez-le à nouveau."
    if isinstance(fault, Unsupported):
        return "Ce type de fichier n’est pas accepté ici. Un PDF ou une photo l’est."
    if fault.french:
        return f"Rien n’a été envoyé : {fault.french}."
    return "Ce fichier n’est pas du type que dit son nom : enregistrez-le à nouveau, puis joignez-le."


async def mark(request: Request, ctx: Context) -> Response:
    """POST /messages/{id}/lu: one has read the conversation as far as it goes."""
    thread = str(request.path_params["id"])
    await threads.mark(ctx, thread, read=True)
    return redirect(f"/messages/{thread}?fait=lu")


async def unmark(request: Request, ctx: Context) -> Response:
    """POST /messages/{id}/non-lu: that is taken back."""
    thread = str(request.path_params["id"])
    await threads.mark(ctx, thread, read=False)
    return redirect(f"/messages/{thread}")


async def correction(request: Request, ctx: Context) -> Response:
    """GET /messages/{id}/corriger: what one wrote, to be changed; the id is that of the message."""
    return await _correction_page(request, ctx, Draft())


async def correct(request: Request, ctx: Context) -> Response:
    """POST /messages/{id}/corriger."""
    message, form = str(request.path_params["id"]), await request.form()
    draft = await draft_of(form)
    try:
        async with ctx.savepoint():
            thread = await messages.correct(ctx, message=message, version=str(form.get("version", "")), text=draft.text)
    except PreconditionFailed:
        now = (await messages.own(ctx, message=message)).text
        said = {
            "message": f"Vous l’avez corrigé entre-temps, il dit maintenant : « {now} ». Enregistrez pour le remplacer par ce qui suit."
        }
        return await _correction_page(request, ctx, replace(draft, faults=said), status=409)
    except Invalid as fault:
        said = {str(issue.expression): issue.diagnostics for issue in fault.issues}
        return await _correction_page(request, ctx, replace(draft, faults=said), status=422)
    return redirect(f"/messages/{thread}")


async def retire(request: Request, ctx: Context) -> Response:
    """POST /messages/{id}/retirer: takes back what one wrote; the id is that of the message."""
    thread = await messages.retire(ctx, message=str(request.path_params["id"]))
    return redirect(f"/messages/{thread}")


async def file(request: Request, ctx: Context) -> Response:
    """POST /messages/{id}/verser: the conversation as it stands becomes a document of the record."""
    thread, draft = str(request.path_params["id"]), await draft_of(await request.form())
    await exporting.file(ctx, thread, key=draft.key)
    return redirect(f"/messages/{thread}?fait=verse")


async def as_pdf(request: Request, ctx: Context) -> Response:
    """GET /messages/{id}/pdf: the whole conversation, to be printed or kept."""
    content = await exporting.on_paper(ctx, str(request.path_params["id"]))
    headers = {"Content-Disposition": 'inline; filename="conversation.pdf"', "Cache-Control": "private, no-store"}
    return Response(content, media_type=exporting.KIND, headers=headers)


async def piece(request: Request, ctx: Context) -> Response:
    """GET /messages/pieces/{id}: a file that was joined; pictures are shown, the rest is saved; `?petite` the small likeness of a picture."""
    small = "petite" in request.query_params
    title, kind, content = await attachments.opened(ctx, str(request.path_params["id"]), small=small)
    shown = "inline" if kind in SHOWN_INLINE else "attachment"
    headers = {
        "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(file_name(title))}",
        "Cache-Control": "private, no-store",
    }
    return Response(content, media_type=kind if kind in SHOWN_INLINE else "application/octet-stream", headers=headers)


def _first(request: Request, listed: Conversations) -> str | None:
    return None if request.query_params.get("vue") == "sujets" or not listed.threads else listed.threads[0].id


async def _open(request: Request, ctx: Context, held: Conversation, **more: Any) -> Response:
    listed = await threads.conversations(ctx, patient=held.patient)
    return await _page(
        request, ctx, listed, home=f"/patients/{held.patient}/messages", patient=held.patient, thread=held.id, held=held, **more
    )


async def _page(
    request: Request, ctx: Context, listed: Conversations, *, home: str, patient: str | None, thread: str | None,
    held: Conversation | None = None, draft: Draft | None = None, status: int = 200,
) -> Response:  # fmt: skip
    held = held or (await threads.conversation(ctx, thread) if thread else None)
    about = held.patient if held else patient
    return render(
        request, ctx, "messaging/conversations.html", status=status, listed=listed, held=held, home=home, patient=about, draft=draft or Draft(),
        banner=await identity.banner(ctx, about) if about else None, **_around(ctx, about), **_said_of(ctx, held), counts={"/messages": listed.new if home == "/messages" else await threads.unread(ctx)},
        said=request.query_params.get("fait", ""),
    )  # fmt: skip


def _around(ctx: Context, patient: str | None) -> Mapping[str, Any]:
    professional = permits(ctx.actor, Permission.RECORD_READ)
    return {
        "tabs": record_tabs(patient) if professional and patient else (),
        "documents_at": "/documents/" if professional else "/mes-documents/",
        "may_urge": ctx.actor.has(*CARE_ROLES),
        "me": ctx.actor.reference or "",
    }


def _said_of(ctx: Context, held: Conversation | None) -> Mapping[str, Any]:
    if held is None:
        return {
            "who_reads": "",
            "unread": 0,
            "read_by": {},
            "kinds": {},
            "may_measure": False,
            "pictures": set(),
            "askable": [],
            "named": [],
            "wishes": {},
            "to_answer": [],
        }
    me = ctx.actor.reference or ""
    return {
        "who_reads": rules.words_of(held.readers, held.members),
        "unread": sum(rules.is_new(one, held.marks.get(me), reader=me) for one in held.messages),
        "read_by": {one.id: rules.read_by(one, held.marks, held.members) for one in held.messages if one.sender == me},
        "kinds": {one.reference: one for one in held.circle},
        "may_measure": permits(ctx.actor, Permission.CONSTANT_LOG),
        "pictures": {reference for one in held.messages for reference, title in one.attached if rules.is_picture(title)},
        **_askable(ctx, held.members),
        "named": [one.name for one in held.members if one.reference != me],
        "wishes": (wishes := {name: wish_from(one) for name, one in held.tasks.items()}),
        "to_answer": [one for one in wishes.values() if one.open and one.owner == me],
    }


def _askable(ctx: Context, members: Sequence[Member]) -> Mapping[str, Any]:
    """Of whom something may be asked, and what."""
    may = asking.possible() and permits(ctx.actor, Permission.TASK_WRITE)
    return {
        "askable": rules.asked_of(members, me=ctx.actor.reference or "") if may else [],
        "ask_kinds": list(asking.KINDS.items()),
    }


async def _new_page(request: Request, ctx: Context, patient: str, draft: Draft, *, status: int = 200) -> Response:
    around = await threads.around(ctx, patient)
    return render(
        request, ctx, "messaging/new.html", status=status, patient=patient, banner=await identity.banner(ctx, patient), draft=draft,
        circle=[one for one in around if one.reference != ctx.actor.reference], offered=rules.offered(around, me=ctx.actor.reference or ""),
        named=[one.name for one in around if one.reference != ctx.actor.reference], **_askable(ctx, around), **_around(ctx, patient),
    )  # fmt: skip


async def _correction_page(request: Request, ctx: Context, draft: Draft, *, status: int = 200) -> Response:
    message = await messages.own(ctx, message=str(request.path_params["id"]))
    kept = draft if draft.faults else replace(draft, text=message.text)
    return render(request, ctx, "messaging/correction.html", status=status, message=message, draft=kept)


routes = [
    page("/messages", everyone, permission=Permission.MESSAGES_READ),
    page("/messages/pieces/{id}", piece, permission=Permission.MESSAGES_READ),
    page("/messages/{id}", one, permission=Permission.MESSAGES_READ),
    action("/messages/{id}", reply, permission=Permission.MESSAGES_WRITE, max_body=API_BODY),
    page("/messages/{id}/pdf", as_pdf, permission=Permission.MESSAGES_READ),
    action("/messages/{id}/lu", mark, permission=Permission.MESSAGES_READ),
    action("/messages/{id}/non-lu", unmark, permission=Permission.MESSAGES_READ),
    page("/messages/{id}/corriger", correction, permission=Permission.MESSAGES_WRITE),
    action("/messages/{id}/corriger", correct, permission=Permission.MESSAGES_WRITE),
    action("/messages/{id}/retirer", retire, permission=Permission.MESSAGES_WRITE),
    action("/messages/{id}/verser", file, permission=Permission.MESSAGES_WRITE),
    page("/patients/{id}/messages", of_patient, permission=Permission.MESSAGES_READ),
    page("/patients/{id}/messages/nouveau", new, permission=Permission.MESSAGES_WRITE),
    action("/patients/{id}/messages", begin, permission=Permission.MESSAGES_WRITE, max_body=API_BODY),
]
