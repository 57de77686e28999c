"""A Jinja extension that gives every template's own text the spaces of French typography, once, when the template is compiled.

Only text between tags is touched: attributes, `<code>`, `<pre>` and `<textarea>` stay as written. Values keep their letters too, but where a
component asks the filter `typography`, which treats text and markup alike.
"""

import re
from collections.abc import Iterator

from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from markupsafe import Markup

from maillage.ui.words import typography

_PIECES = re.compile(r"(<[^>]*>?)")
_VERBATIM = ("code", "pre", "textarea")


class FrenchSpaces(Extension):
    """Rewrites the `data` tokens of a template, remembering across them whether the text stands inside a tag."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        inside_tag, verbatim = False, 0
        for token in stream:
            if token.type != "data":
                yield token
                continue
            text, inside_tag, verbatim = _rewrite(token.value, inside_tag, verbatim)
            yield Token(token.lineno, "data", text)


def spaced(value: str) -> str:
    """The filter: plain text stays plain text, markup stays markup and keeps its tags."""
    if isinstance(value, Markup):
        return Markup(_rewrite(str(value), inside_tag=False, verbatim=0)[0])  # noqa: S704 - it came as markup
    return typography(value)


def _rewrite(text: str, inside_tag: bool, verbatim: int) -> tuple[str, bool, int]:
    """The text with its spaces mended, whether it ends inside a tag, and how many verbatim elements are open."""
    done: list[str] = []
    if inside_tag:
        head, closing, text = text.partition(">")
        done.append(head + closing)
        if not closing:
            return "".join(done), True, verbatim
        inside_tag = False
    for piece in _PIECES.split(text):
        if piece.startswith("<"):
            inside_tag = not piece.endswith(">")
            verbatim = max(0, verbatim + _verbatim_step(piece))
            done.append(piece)
        else:
            done.append(piece if verbatim else typography(piece))
    return "".join(done), inside_tag, verbatim


def _verbatim_step(tag: str) -> int:
    match = re.match(r"<(/?)(\w+)", tag)
    if not match or match[2].lower() not in _VERBATIM:
        return 0
    return -1 if match[1] else 1
