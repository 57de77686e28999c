"""A form that is sent twice is carried out once: each form carries a key of its own, kept with where it led in the transaction of what it did.

On a bad network an answer is lost, and whoever sent the form sends it again: they are led where the first one led, and nothing is written.
A process that dies in between has kept neither the act nor the key (docs/adr/0043-forms-sent-again.md).
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from maillage.access.context import Context
from maillage.access.erasing import Erased, forgets
from maillage.db import load_queries
from maillage.http.csrf import FIELD as CSRF
from maillage.http.csrf import FORMS
from maillage.http.request import Request

QUERIES = load_queries("maillage.http")

FIELD = "envoi"
KEPT = timedelta(days=3)  # a telephone that was without network for a weekend
LONGEST_KEY = 64
PIECE = 1024 * 1024


def fresh_key() -> str:
    """A key for one form on one page."""
    return secrets.token_urlsafe(16)


async def answered_once(request: Request, ctx: Context, answer: Callable[[Request, Context], Awaitable[Response]]) -> Response:
    """What the action answers; where this very form was carried out before, a redirect to where that led, and nothing is done.

    Only a plain redirect is kept: a page with faults may be sent again, and what is shown once (a secret, a cookie) is not kept.
    """
    digest = await digest_of(request)
    if digest is None:
        return await answer(request, ctx)
    if not await ctx.run(QUERIES.begin_form, digest=digest, now=ctx.now, expires=ctx.now + KEPT):
        return RedirectResponse(await ctx.run(QUERIES.outcome_of_form, digest=digest), status_code=303)
    response = await answer(request, ctx)
    if response.status_code == 303 and "set-cookie" not in response.headers:
        await ctx.run(QUERIES.keep_form, digest=digest, go_to=response.headers["location"])
    else:
        await ctx.run(QUERIES.drop_form, digest=digest)
    return response


@forgets
async def forget_forms(ctx: Context, erased: Sequence[Erased]) -> list[str]:
    """Where a form led names a person, or something of their record. No document of ours is unnamed by it."""
    await ctx.run(QUERIES.forget_forms, ids=[one.id for one in erased])
    return []


async def digest_of(request: Request) -> bytes | None:
    """What tells this sending from every other: its key, who sends it, to where, and all it says. None for a form without a key."""
    if not request.headers.get("content-type", "").startswith(FORMS):
        return None
    form = await request.form()
    key = form.get(FIELD)
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY:
        return None
    made = hashlib.sha256()
    for part in (key, request.actor.id, request.actor.situation or "", request.url.path):
        _add(made, part.encode())
    await _add_fields(made, form)
    return made.digest()


async def _add_fields(made: "hashlib._Hash", form: FormData) -> None:
    for name, value in form.multi_items():
        if name in (FIELD, CSRF):  # the token has a new mask on each page
            continue
        _add(made, name.encode())
        if isinstance(value, UploadFile):
            _add(made, (value.filename or "").encode())
            _add(made, await _content_digest(value))
        else:
            _add(made, value.encode())


async def _content_digest(file: UploadFile) -> bytes:
    made = hashlib.sha256()
    while piece := await file.read(PIECE):
        made.update(piece)
    await file.seek(0)
    return made.digest()


def _add(made: "hashlib._Hash", part: bytes) -> None:
    made.update(len(part).to_bytes(8, "big") + part)
