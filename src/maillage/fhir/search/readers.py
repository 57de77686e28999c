"""Which reader takes the values of which type of parameter, but for references and composites, which also know this server's address."""

from collections.abc import Callable

from maillage.fhir.definitions import SearchParameter
from maillage.fhir.search import values
from maillage.fhir.search.criteria import Criterion
from maillage.fhir.search.near import near
from maillage.fhir.search.quantities import number_is, quantity_is

READERS: dict[str, Callable[[str, SearchParameter, str, str | None], Criterion]] = {
    **values.READERS,
    "number": number_is,
    "quantity": quantity_is,
    "special": near,
}
