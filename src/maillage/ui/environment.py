"""The one Jinja environment of the pages: autoescaped, strict about undefined names, French filters, templates of `ui` and of every service."""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context as TemplateContext
from markupsafe import Markup

from maillage.ui import drawings, words
from maillage.ui.assets import asset
from maillage.ui.people import avatar_shape
from maillage.ui.typography import FrenchSpaces, spaced

UI = Path(__file__).parent


def template_folders() -> list[Path]:
    """The folder of `ui` and the `templates/` of each service, found by their place in the package."""
    return [UI / "templates", *sorted((UI.parent / "services").glob("*/templates"))]


@cache
def environment() -> Environment:
    """The environment, made once per process."""
    env = Environment(
        loader=FileSystemLoader(template_folders()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[FrenchSpaces],
    )
    env.filters.update(_FILTERS)
    env.filters.update({name: _with_now(name) for name in ("day_words", "moment", "moment_words", "deadline", "age")})
    env.tests["late"] = _late
    env.globals.update(
        avatar_shape=avatar_shape, asset=asset, icon=icon, sparkline=drawings.sparkline, bars=drawings.bars, plot=drawings.plot
    )
    return env


def _with_now(name: str) -> Any:
    """The function of `words` as a filter that takes « now » from the page."""
    function = getattr(words, name)

    @pass_context
    def filtered(context: TemplateContext, value: words.When) -> str:
        return str(function(value, context["now"]))

    return filtered


@pass_context
def _late(context: TemplateContext, value: words.When) -> bool:
    now: datetime = context["now"]
    return words.is_late(value, now)


_FILTERS = {
    "birth_date": words.birth_date,
    "care_date": words.care_date,
    "full_date": words.full_date,
    "clock_time": words.clock_time,
    "spoken_time": words.spoken_time,
    "number": words.number,
    "percent": words.percent,
    "plural": words.plural,
    "count": words.count,
    "ins": words.ins,
    "phone": words.phone,
    "initials": words.initials,
    "person_name": words.person_name,
    "used_name": words.used_name,
    "given_name": words.given_name,
    "of": words.of,
    "typography": spaced,
}

# Own line drawings on a 24-unit square, stroked with the colour of the text.
ICONS = {
    "alert": '<path d="M12 4 2.8 20h18.4zM12 10v4.5M12 17.3v.2"/>',
    "back": '<path d="M14.5 5 8 12l6.5 7"/>',
    "calendar": '<rect x="4" y="5.5" width="16" height="14.5" rx="1.5"/><path d="M4 10h16M8.5 3.5v4M15.5 3.5v4"/>',
    "camera": '<path d="M4 8h4l1.5-2.5h5L16 8h4v11H4z"/><circle cx="12" cy="13" r="3.5"/>',
    "card": '<rect x="3.5" y="5.5" width="17" height="13" rx="1.5"/><circle cx="9" cy="11" r="2"/>'
    '<path d="M6 15.5c.5-1.5 1.7-2 3-2s2.5.5 3 2M14.5 10h3.5M14.5 13.5h3.5"/>',
    "chart": '<path d="M4 4v16h16M8 16v-4M12.5 16V8M17 16v-6"/>',
    "check": '<path d="m5 12.5 4.5 4.5L19 7"/>',
    "clip": '<path d="m8 12 6-6a3 3 0 0 1 4.5 4.5L10 19a5 5 0 0 1-7-7l8-8"/>',
    "document": '<path d="M6 3.5h8l4 4V20.5H6zM14 3.5v4h4M9 12h6M9 16h6"/>',
    "eye": '<path d="M2.5 12C5 7.5 8.5 5.5 12 5.5s7 2 9.5 6.5c-2.5 4.5-6 6.5-9.5 6.5S5 16.5 2.5 12z"/><circle cx="12" cy="12" r="3"/>',
    "home": '<path d="M4 11.5 12 4.5l8 7V20H4zM10 20v-5.5h4V20"/>',
    "inbox": '<path d="M4 13 6.5 5h11L20 13v6H4zM4 13h5l1 2.5h4l1-2.5h5"/>',
    "lock": '<rect x="5" y="11" width="14" height="9" rx="1.5"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/>',
    "map": '<path d="m9 5-5 2v12l5-2 6 2 5-2V5l-5 2zM9 5v12M15 7v12"/>',
    "message": '<path d="M4 5h16v11H10l-4.5 4v-4H4z"/>',
    "more": '<path stroke-width="3.2" d="M5 12h.01M12 12h.01M19 12h.01"/>',
    "people": '<circle cx="9" cy="8" r="3.5"/>'
    '<path d="M2.5 20c0-4 3-6 6.5-6s6.5 2 6.5 6M16 5a3.5 3.5 0 0 1 0 6.5M18 14.5c2.5.7 3.7 2.8 3.7 5.5"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "print": '<path d="M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z"/>',
    "refresh": '<path d="M4.5 12a7.5 7.5 0 0 1 13-5l2 2M19.5 4.5V9H15M19.5 12a7.5 7.5 0 0 1-13 5l-2-2M4.5 19.5V15H9"/>',
    "route": '<circle cx="6" cy="18" r="2.5"/><circle cx="18" cy="6" r="2.5"/><path d="M8.5 18H16a3 3 0 0 0 0-6H8a3 3 0 0 1 0-6h7.5"/>',
}


def icon(name: str) -> Markup:
    """A decorative drawing; the words beside it carry the meaning. Raises KeyError for an unknown name."""
    return Markup('<svg class="m-i" viewBox="0 0 24 24" aria-hidden="true">{}</svg>').format(Markup(ICONS[name]))  # noqa: S704 - our own constant
