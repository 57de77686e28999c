"""What comes first to read, and plain words for what a document is."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from maillage.services.portal import rules

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Doc:
    id: str
    received: str


def received(id: str, days_ago: int) -> Doc:
    return Doc(id, (NOW - timedelta(days=days_ago)).isoformat())


def test_what_came_lately_and_is_not_marked_is_to_read() -> None:
    documents = [received("new", 0), received("marked", 1), received("old", 61), received("recent", 59), Doc("undated", "")]
    assert [one.id for one in rules.to_read(documents, {"marked"}, NOW)] == ["new", "recent"]


def test_no_more_than_five_are_asked_at_once() -> None:
    assert len(rules.to_read([received(str(n), 0) for n in range(9)], set(), NOW)) == 5


def test_every_plain_purpose_is_a_whole_sentence_without_abbreviation() -> None:
    for one in [*rules.PLAIN.values(), rules.NOTE, rules.OTHER]:
        assert one.purpose.endswith(".")
        assert not {"DMP", "INS", "CR", "HAD"} & set(one.purpose.replace(".", " ").split())
    assert (rules.plain("unknown"), rules.plain("DEM-AVIS")) == (rules.OTHER, rules.NOTE)
