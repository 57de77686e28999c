"""A FHIR date stands for a span of time, in the real calendar, in the time zone of the region."""

import pytest

from maillage.errors import Invalid
from maillage.fhir.dates import is_real, span


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        ("2024", "2023-12-31T23:00:00+00:00", "2024-12-31T23:00:00+00:00"),
        ("2024-02", "2024-01-31T23:00:00+00:00", "2024-02-29T23:00:00+00:00"),
        ("2024-12", "2024-11-30T23:00:00+00:00", "2024-12-31T23:00:00+00:00"),
        ("2024-07-14", "2024-07-13T22:00:00+00:00", "2024-07-14T22:00:00+00:00"),
        ("2024-02-29T10:30:00+01:00", "2024-02-29T09:30:00+00:00", "2024-02-29T09:30:01+00:00"),
        ("2024-02-29T10:30Z", "2024-02-29T10:30:00+00:00", "2024-02-29T10:31:00+00:00"),
        ("2024-02-29T10:30:00.25Z", "2024-02-29T10:30:00.250000+00:00", "2024-02-29T10:30:00.260000+00:00"),
        ("2016-07-01T10:00:00", "2016-07-01T08:00:00+00:00", "2016-07-01T08:00:01+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00", "2017-01-01T00:00:01+00:00"),
    ],
)
def test_a_date_covers_all_that_it_may_mean(text: str, begins: str, ends: str) -> None:
    assert [moment.isoformat() for moment in span(text)] == [begins, ends]


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31", "9999", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_the_ends_of_the_calendar_are_spans_too(text: str) -> None:
    begins, ends = span(text)
    assert begins < ends


@pytest.mark.parametrize("text", ["2023-02-30", "2024-13", "2024-01-01T25:00Z", "0000", "yesterday", "2024-1-1", ""])
def test_what_is_not_in_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="not a date"):
        span(text)


def test_the_29th_of_february_exists_in_leap_years_only() -> None:
    assert is_real("2024-02-29")
    assert not is_real("2023-02-29")
