"""What became of a record while somebody filled in a form about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from maillage.access.context import Context
from maillage.errors import Gone, NotFound
from maillage.services.coordination.forms.meanwhile import met

Resource = dict[str, Any]
Change = tuple[str, str, str | None]
"""A label, what is stored, and what the writer of the form wrote (None: they left it as they had read it), as `conflict` of `ui/parts.html` shows them."""


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """`values` is what the form holds now, `changes` what somebody else changed of its fields, `version` that which it now stands on."""

    values: dict[str, str]
    changes: list[Change]
    version: str


async def meanwhile(
    ctx: Context, kind: str, id: str, *, version: str, mine: Mapping[str, str], labels: Mapping[str, str], shown: Callable[[Resource], Mapping[str, str]],
    words: Callable[[str, str], str] = lambda name, value: value,
) -> Meanwhile:  # fmt: skip
    """How a form goes on that was filled in over `version`. `labels` names its fields, `shown` says what they hold for a version of the record, `words` how a
    value of one reads."""
    now, before = await ctx.records.read(kind, id), await _as_read(ctx, kind, id, version)
    fields = {name: text for name, text in mine.items() if name in labels}
    meeting = met(fields, shown(before) if before else None, shown(now))
    changes: list[Change] = [
        (labels[name], words(name, theirs), None if own is None else words(name, own))
        for name, (theirs, own) in meeting.changes.items()
    ]
    return Meanwhile({**mine, **meeting.values}, changes, str(now["meta"]["versionId"]))


async def _as_read(ctx: Context, kind: str, id: str, version: str) -> Resource:
    if not (version.isdecimal() and len(version) < 10):
        return {}
    try:
        return (await ctx.records.vread_raw(kind, id, int(version))).resource
    except (NotFound, Gone):
        return {}
