"""Conditions made of conditions."""

from dataclasses import dataclass

from maillage.fhir.search.chains import is_stable, listed
from maillage.fhir.search.compose import Composer, Row
from maillage.fhir.search.criteria import Criterion, either


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of the criteria hold."""

    criteria: tuple[Criterion, ...]

    def sql(self, row: Row, composer: Composer) -> str:
        return f"({' and '.join(criterion.sql(row, composer) for criterion in self.criteria)})"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of the criteria holds: probed in one row, or listed from what each of them reaches."""

    criteria: tuple[Criterion, ...]

    def sql(self, row: Row, composer: Composer) -> str:
        return either(criterion.sql(row, composer.probing()) for criterion in self.criteria)

    @property
    def stable(self) -> bool:
        return all(map(is_stable, self.criteria))

    def ids(self, row: Row, composer: Composer) -> str:
        return " union all ".join(f"({listed(criterion, row, composer)})" for criterion in self.criteria)


@dataclass(frozen=True, slots=True)
class AnyByIndex:
    """One of the criteria holds, each written as the statement asks: indexes of the planner's choice may answer them. Nothing is listed."""

    criteria: tuple[Criterion, ...]

    def sql(self, row: Row, composer: Composer) -> str:
        return either(criterion.sql(row, composer) for criterion in self.criteria)


@dataclass(frozen=True, slots=True)
class Not:
    """The criterion does not hold, also where it asks for what is not there."""

    criterion: Criterion

    def sql(self, row: Row, composer: Composer) -> str:
        return f"({self.criterion.sql(row, composer.probing())}) is not true"


def parts(criterion: Criterion) -> tuple[Criterion, ...]:
    """The conditions that must all hold, each by itself."""
    if isinstance(criterion, AllOf):
        return tuple(part for one in criterion.criteria for part in parts(one))
    return (criterion,)
