"""The page where a demonstration's letters are read, and the same in JSON."""

from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from maillage.connectors.mail.emulator.mailbox import Mailbox, Received

_pages = Environment(loader=PackageLoader("maillage.connectors.mail.emulator"), autoescape=select_autoescape())
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
}


def create_viewer(mailbox: Mailbox) -> Starlette:
    """`/` and `/{number}` for people, `/letters.json?to=` for programs."""
    doors = _Doors(mailbox)
    return Starlette(
        routes=[
            Route("/", doors.list),
            Route("/letters.json", doors.json),
            Route("/emulateur.css", _style),
            Route("/{number:int}", doors.one),
        ]
    )


class _Doors:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def list(self, request: Request) -> Response:
        to = request.query_params.get("to", "")
        return _page("mail/liste.html", letters=self._mailbox.letters(to), to=to)

    async def one(self, request: Request) -> Response:
        letter = self._mailbox.letter(request.path_params["number"])
        if letter is None:
            raise HTTPException(404, "Cette lettre n’est pas ou plus ici.")
        return _page("mail/lettre.html", letter=letter)

    async def json(self, request: Request) -> Response:
        letters = self._mailbox.letters(request.query_params.get("to", ""))
        return JSONResponse([_said(one) for one in letters], headers=_HEADERS)


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


def _page(template: str, **values: Any) -> Response:
    return HTMLResponse(_pages.get_template(template).render(values), headers=_HEADERS)


async def _style(request: Request) -> Response:
    return Response(_STYLE, media_type="text/css")


_STYLE = """
body{margin:0;font:1rem/1.5 system-ui,sans-serif;color:#15252b;background:#f1f5f4}
header{background:#5b388a;color:#fff;padding:.75rem 1.5rem;font-weight:700}
main{max-width:60rem;margin:1.5rem auto;padding:1.5rem;background:#fff;border:1px solid #d5dedc}
h1{font-size:1.5rem;margin-top:0}
table{width:100%;border-collapse:collapse}
th,td{text-align:left;padding:.5rem;border-top:1px solid #d5dedc;vertical-align:top}
a{color:#0b5563}
a:focus-visible{outline:3px solid #c2410c;outline-offset:2px}
pre{white-space:pre-wrap;font:inherit}
"""
