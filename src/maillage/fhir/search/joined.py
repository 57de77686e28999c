"""Several conditions as one."""

from dataclasses import dataclass

from maillage.fhir.search.compose import Composer, Row
from maillage.fhir.search.criteria import Criterion


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of the conditions."""

    criteria: tuple[Criterion, ...]

    def sql(self, row: Row, composer: Composer) -> str:
        return f"({' and '.join(one.sql(row, composer) for one in self.criteria)})"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the conditions."""

    criteria: tuple[Criterion, ...]

    def sql(self, row: Row, composer: Composer) -> str:
        return f"({' or '.join(one.sql(row, composer) for one in self.criteria)})"
