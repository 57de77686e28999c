"""The order of matches as SQL: keys, and what comes after a row."""

from maillage.fhir.search.compose import Composer
from maillage.fhir.search.query import SortKey

_COLUMNS = {"date": ("d0", "timestamptz"), "updated": ("updated", "timestamptz"), "id": ("id", "uuid")}


def expression(key: SortKey, alias: str) -> str:
    """The value of one key for a row."""
    return f"{alias}.{_COLUMNS[key.column][0]}"


def order_by(keys: tuple[SortKey, ...], alias: str) -> str:
    """The keys of ORDER BY."""
    return ", ".join(expression(key, alias) + (" desc" if key.descending else "") for key in keys)


def as_text(keys: tuple[SortKey, ...], alias: str) -> str:
    """The keys as the columns `k0`, `k1`… of a result: what a cursor keeps."""
    return ", ".join(f"{expression(key, alias)}::text as k{i}" for i, key in enumerate(keys))


def nothing(keys: tuple[SortKey, ...]) -> str:
    """The columns of `as_text` for what is no match."""
    return ", ".join(f"null as k{i}" for i in range(len(keys)))


def beyond(keys: tuple[SortKey, ...], alias: str, after: list[str], composer: Composer) -> str:
    """What comes after a row in the order: one comparison of rows where all keys run the same way, else spelled out."""
    places = [
        (expression(key, alias), composer.bind(value, _COLUMNS[key.column][1])) for key, value in zip(keys, after, strict=True)
    ]
    if len({key.descending for key in keys}) == 1:
        columns, values = zip(*places, strict=True)
        return f"({', '.join(columns)}) {'<' if keys[0].descending else '>'} ({', '.join(values)})"
    steps, same = [], ""
    for key, (column, value) in zip(keys, places, strict=True):
        steps.append(f"({same}{column} {'<' if key.descending else '>'} {value})")
        same += f"{column} = {value} and "
    return f"({' or '.join(steps)})"
