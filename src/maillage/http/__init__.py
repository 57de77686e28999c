"""The HTTP door: routes that say their permission, one wrapper that lets in, answers and refuses for all of them."""

from maillage.http.request import Request
from maillage.http.routes import Declared, action, api, page, stream
from maillage.http.wrapper import redirect

__all__ = ["Declared", "Request", "action", "api", "page", "redirect", "stream"]
