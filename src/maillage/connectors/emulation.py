"""The pages of an emulator: one look for all, no script, kept by no cache. Each template says that what it shows is not the real service."""

from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_HEADERS = {**NO_STORE, "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'"}

_STYLE = """
body{margin:0;font:1rem/1.5 system-ui,sans-serif;color:#15252b;background:#f1f5f4}
header{background:#5b388a;color:#fff;padding:.75rem 1.5rem;font-weight:700}
main{max-width:60rem;margin:1.5rem auto;padding:1.5rem;background:#fff;border:1px solid #d5dedc}
h1{font-size:1.5rem;margin-top:0}
ul{list-style:none;padding:0;margin:0}
li a{display:block;padding:.75rem;border-top:1px solid #d5dedc;min-height:1.5rem}
table{width:100%;border-collapse:collapse}
th,td{text-align:left;padding:.5rem;border-top:1px solid #d5dedc;vertical-align:top}
a{color:#0b5563}
a:focus-visible{outline:3px solid #c2410c;outline-offset:2px}
pre{white-space:pre-wrap;font:inherit}
.quiet{color:#465a62}
"""


class Pages:
    """The templates of one emulator, from the `templates/` of its package."""

    def __init__(self, package: str) -> None:
        self._templates = Environment(loader=PackageLoader(package), autoescape=select_autoescape())

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page; `/emulateur.css`, which it loads, is the route `STYLE`."""
        return HTMLResponse(self._templates.get_template(template).render(values), status_code=status, headers=_HEADERS)


async def _style(request: Request) -> Response:
    return Response(_STYLE, media_type="text/css")


STYLE = Route("/emulateur.css", _style)
