"""Which rows a caller may touch, as a condition for SQL. Made by `access`; the store applies it without knowing why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Scope:
    """A boolean SQL expression about one row.

    In `text`, `{row}` stands for the alias of the row (it has `id` and `patient`) and `{rt}` for its type number. Conditions on
    other tables are scalar sub-selects, never EXISTS: those would be pulled up and drive the plan (docs/adr/0004-store.md).
    Parameter names start with `access_`.

    `among` is the same condition for the rows of a list, written `{among}`: what it asks of a patient or of a row is asked once for the list, where
    `text` asks it for each row. Without it `text` serves.

    `circle` is a select of the `patient`s whose records the caller may look into (some more than once), where there is such a list; rows
    of other types than those `beyond` it are seen only there. What `text` says still decides of each row. It may leave out patients before
    `{from}`, and all but the first `{most}` of the others.
    """

    text: str
    params: Mapping[str, Any] = field(default_factory=dict)
    types: tuple[tuple[str, str], ...] = ()
    """The SQL type of each parameter: where several scopes go in one statement, their parameters are columns."""
    among: str = ""
    circle: str | None = None
    beyond: frozenset[int] = frozenset()

    @classmethod
    def all(cls) -> Self:
        """Every row: for the store's own work and for actors without limits."""
        return cls("true")

    @property
    def unlimited(self) -> bool:
        return self.text == "true"

    def circled(self, rt: int) -> bool:
        """Whether rows of this type are seen only in the records of the circle."""
        return self.circle is not None and rt not in self.beyond

    def given(self, begin: str, most: str) -> str:
        """The circle from the patient `begin` on, the first `most` of them at least."""
        assert self.circle is not None, "only who sees records given to them is asked for these"
        return self.circle.replace("{from}", begin).replace("{most}", most)

    def sql(self, row: str, *, rt: str | None = None, patient: str | None = None, among: str | None = None) -> str:
        """The condition for the row behind the alias `row`; `rt` gives the type number where the alias has no such column.

        `patient`: the one value that the statement lets this row's `patient` have. What is asked about it is then asked once, not for each row.
        `among`: a relation with the `id` and the `patient` of every row that is looked at, all of the one type `rt`.
        """
        text = self.among.replace("{among}", among) if among and self.among else self.text
        return _about(text, row, rt or f"{row}.rt", patient or f"{row}.patient")


@lru_cache(maxsize=512)
def _about(text: str, row: str, rt: str, patient: str) -> str:
    """The same text each time: what is made of it is looked up by it."""
    return text.replace("{row}.patient", patient).replace("{row}", row).replace("{rt}", rt)
