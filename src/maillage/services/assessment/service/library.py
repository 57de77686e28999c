"""The questionnaires that may be answered: those that the region keeps in the store, and those of the library that it has not replaced."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from maillage.access.context import Context
from maillage.errors import Gone, Invalid, NotFound
from maillage.fhir import json
from maillage.services.assessment.resources.questionnaire import Form, form_from

Resource = dict[str, Any]
MOST = 500


@cache
def library() -> dict[str, Form]:
    """The questionnaires of `definitions/`, by url."""
    folder = files("maillage.services.assessment").joinpath("definitions")
    if not folder.is_dir():
        return {}
    found = (
        json.loads(one.read_bytes()) for one in sorted(folder.iterdir(), key=lambda one: one.name) if one.name.endswith(".json")
    )
    return {form.url: form for form in (form_from(one) for one in found if one["resourceType"] == "Questionnaire")}


@dataclass(frozen=True, slots=True)
class Shelf:
    """The forms that are known, by url: the newest first, those of the region before that of the library."""

    forms: dict[str, list[Form]]

    def offered(self) -> list[Form]:
        """Those that may be begun now, by title. Of one url the region's counts: where it has retired it, it is not offered."""
        first = (next((one for one in versions if one.status == "active"), versions[0]) for versions in self.forms.values())
        kept = [one for one in first if one.status == "active" and "Patient" in one.source.get("subjectType", ("Patient",))]
        return sorted(kept, key=lambda one: one.title.casefold())

    def named(self, canonical: str) -> Form:
        """The form of this url, in this version where one is said (`url|version`). NotFound where there is none, Invalid where only other versions are here."""
        url, _, version = canonical.partition("|")
        versions = self.forms.get(url)
        if not versions:
            raise NotFound(f"no questionnaire {url} is known here")
        if not version:
            return next((one for one in versions if one.status == "active"), versions[0])
        found = next((one for one in versions if one.version == version), None)
        if found is None:
            known = ", ".join(sorted({one.version or "without a version" for one in versions}))
            raise Invalid.at("QuestionnaireResponse.questionnaire", f"version {version} of {url} is not known here, but {known}")
        return found


async def shelf(ctx: Context, canonicals: Iterable[str] | None = None) -> Shelf:
    """The forms of these urls (of all, where none are said), in one statement."""
    asked = [("_sort", "-_lastUpdated"), ("_count", str(MOST))]
    shipped = library()
    if canonicals is not None:
        urls = {one.partition("|")[0] for one in canonicals}
        shipped = {url: form for url, form in shipped.items() if url in urls}
        asked.append(("url", ",".join(one.replace(",", "\\,") for one in sorted(urls))))
        if not urls:
            return Shelf({})
    forms: dict[str, list[Form]] = {}
    for one in await ctx.records.find("Questionnaire", asked):
        forms.setdefault(one.get("url", ""), []).append(form_from(one))
    for url, form in shipped.items():
        mine = forms.setdefault(url, [])
        if form.version not in {one.version for one in mine}:
            mine.append(form)
    return Shelf({url: versions for url, versions in forms.items() if url})


async def named(ctx: Context, canonical: str) -> Form:
    """`Shelf.named` of one."""
    return (await shelf(ctx, [canonical])).named(canonical)


def to_begin(form: Form) -> Form:
    """A form that may be begun; Gone where it is retired, Invalid where it is a draft."""
    if form.status == "retired":
        raise Gone(
            f"{form.title} is retired: nothing new is answered with it",
            french="Ce questionnaire n’est plus utilisé : commencez celui qui le remplace.",
        )
    if form.status != "active":
        raise Invalid(f"{form.title} is not published: its status is {form.status}")
    return form
