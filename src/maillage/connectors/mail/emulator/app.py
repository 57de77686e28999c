"""The page where a demonstration's letters are read, and the same in JSON."""

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from maillage.connectors.emulation import NO_STORE, STYLE, Pages
from maillage.connectors.mail.emulator.mailbox import Mailbox, Received

_PAGES = Pages("maillage.connectors.mail.emulator")


def create_viewer(mailbox: Mailbox) -> Starlette:
    """`/` and `/{number}` for people, `/letters.json?to=` for programs."""
    doors = _Doors(mailbox)
    return Starlette(
        routes=[
            Route("/", doors.list),
            Route("/letters.json", doors.json),
            STYLE,
            Route("/{number:int}", doors.one),
        ]
    )


class _Doors:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def list(self, request: Request) -> Response:
        to = request.query_params.get("to", "")
        return _PAGES.page("mail/liste.html", letters=self._mailbox.letters(to), to=to)

    async def one(self, request: Request) -> Response:
        letter = self._mailbox.letter(request.path_params["number"])
        if letter is None:
            raise HTTPException(404, "Cette lettre n’est pas ou plus ici.")
        return _PAGES.page("mail/lettre.html", letter=letter)

    async def json(self, request: Request) -> Response:
        letters = self._mailbox.letters(request.query_params.get("to", ""))
        return JSONResponse([_said(one) for one in letters], headers=NO_STORE)


def _said(letter: Received) -> dict[str, Any]:
    return {
        "number": letter.number,
        "at": letter.at.isoformat(),
        "from": letter.sender,
        "to": list(letter.recipients),
        "subject": str(letter.message["Subject"] or ""),
        "message_id": str(letter.message["Message-ID"] or ""),
        "text": letter.text,
    }
