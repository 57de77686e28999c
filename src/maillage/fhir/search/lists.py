"""Being on a list (`_list`)."""

from dataclasses import dataclass
from uuid import UUID

from maillage.fhir import ids
from maillage.fhir.search.compose import Composer, Row

LIST, ITEM = "List", "item"


@dataclass(frozen=True, slots=True)
class InList:
    """An item of one of these List resources, which the caller may see."""

    keys: tuple[UUID, ...]

    def sql(self, row: Row, composer: Composer) -> str:
        return f"(select true from {self._items(row, composer)} and f.dst = {row}.id limit 1) is true"

    @property
    def stable(self) -> bool:
        return True

    def ids(self, row: Row, composer: Composer) -> str:
        return f"select f.dst as id from {self._items(row, composer)}"

    def _items(self, row: Row, composer: Composer) -> str:
        t, keys = composer.row(LIST), composer.bind(list(self.keys), "uuid[]")
        lists = f"(select {t}.id from res {t} where {t}.rt = {t.rt} and {t}.id = any({keys}) and {composer.seen(t)} offset 0) l"
        edges = f"(select g.dst from refs g where g.src = l.id and g.p = {composer.bind(ids.edge(LIST, ITEM), 'int4')} and g.dt = {row.rt} offset 0) f"
        return f"{lists} cross join lateral {edges} where true"
