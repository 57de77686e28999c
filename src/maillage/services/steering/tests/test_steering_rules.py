"""Small groups never show, by no subtraction; periods and findings say what they mean."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.services.steering import rules
from maillage.services.steering.rules import Count, Grain, Period


def counts(*documents: int) -> list[Count]:
    return [Count(f"groupe {n}", of, 0) for n, of in enumerate(documents)]


def test_a_small_group_goes_to_a_pool_that_is_not_small() -> None:
    shown = rules.without_small(counts(40, 6, 7, 20))
    assert [(row.key, row.documents, row.groups) for row in shown] == [("groupe 0", 40, 1), ("groupe 3", 20, 1), ("*", 13, 2)]


def test_one_small_group_takes_the_smallest_other_with_it() -> None:
    """Else total minus the groups shown would give it back."""
    shown = rules.without_small(counts(40, 20, 3))
    assert [(row.key, row.documents) for row in shown] == [("groupe 0", 40), ("*", 23)]


def test_nothing_but_small_groups_shows_nothing() -> None:
    assert rules.without_small(counts(3, 4)) == []


@given(st.lists(st.integers(1, 60), max_size=12))
def test_no_number_shown_is_small_and_no_difference_with_the_total_is(documents: list[int]) -> None:
    shown = rules.without_small(counts(*documents))
    total = sum(documents)
    assert all(row.documents >= rules.SMALLEST_SHOWN for row in shown)
    assert not shown or total == sum(row.documents for row in shown)
    assert shown or total < rules.SMALLEST_SHOWN or not documents


def test_a_month_is_its_days() -> None:
    february = rules.month("2024-02")
    assert february == Period(date(2024, 2, 1), date(2024, 2, 29))
    assert rules.month("2026-12") == Period(date(2026, 12, 1), date(2026, 12, 31))
    assert rules.month("2026-13") is None
    assert rules.month("") is None


def test_thirty_days_end_today_and_the_thirty_before_end_the_day_before_them() -> None:
    period = rules.recent(date(2026, 11, 30))
    assert (len(period.days), period.first) == (30, date(2026, 11, 1))
    assert period.before == Period(date(2026, 10, 2), date(2026, 10, 31))


def test_time_is_told_at_the_finest_grain_without_small_steps() -> None:
    period = Period(date(2026, 11, 2), date(2026, 11, 15))
    assert rules.series({date(2026, 11, 2): 40}, period).grain is Grain.DAY
    weekly = rules.series({date(2026, 11, 2): 40, date(2026, 11, 3): 5, date(2026, 11, 10): 12}, period)
    assert weekly.grain is Grain.WEEK
    assert weekly.steps == ((date(2026, 11, 2), 45), (date(2026, 11, 9), 12))
    assert rules.series({date(2026, 11, 2): 4}, period).steps == ((date(2026, 11, 2), 4),)


def test_twelve_months_end_today_and_are_told_by_months() -> None:
    assert rules.year(date(2026, 11, 23)) == Period(date(2025, 12, 1), date(2026, 11, 23))
    assert rules.year(date(2026, 12, 3)) == Period(date(2026, 1, 1), date(2026, 12, 3))
    told = rules.series({date(2026, 1, 5): 30, date(2026, 1, 31): 2, date(2026, 11, 2): 11}, rules.year(date(2026, 11, 23)))
    assert (told.grain, len(told.steps)) == (Grain.MONTH, 12)
    assert dict(told.steps)[date(2026, 1, 1)] == 32


def test_few_documents_in_a_year_are_told_by_three_months() -> None:
    told = rules.series({date(2025, 12, 24): 9, date(2026, 1, 5): 9, date(2026, 11, 2): 12}, rules.year(date(2026, 11, 23)))
    assert told.grain is Grain.QUARTER
    assert told.steps == ((date(2025, 12, 1), 18), (date(2026, 3, 1), 0), (date(2026, 6, 1), 0), (date(2026, 9, 1), 12))


def test_an_address_names_its_period() -> None:
    today = date(2026, 11, 23)
    assert rules.period("30", today) == rules.recent(today)
    assert rules.period("2026-10", today) == rules.month("2026-10")
    assert rules.period("", today) == rules.period("n’importe quoi", today) == rules.year(today)


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (120, 100, "20 % de documents en plus que sur la période précédente"),
        (80, 100, "20 % de documents en moins que sur la période précédente"),
        (101, 100, "Le nombre de documents reçus est stable"),
        (50, 3, "Documents reçus, sans période comparable avant"),
    ],
)
def test_the_title_of_a_chart_states_its_finding(now: int, before: int, said: str) -> None:
    assert rules.volume_finding(now, before) == said


def test_the_share_with_an_ins_is_told_against_its_target() -> None:
    assert rules.ins_finding(81, 100) == "Il manque 14 points pour la cible de 95 % de documents avec INS qualifiée"
    assert rules.ins_finding(94, 100).startswith("Il manque 1 point pour")
    assert rules.ins_finding(96, 100) == "La cible de 95 % de documents avec INS qualifiée est atteinte"
    assert rules.ins_finding(0, 0) == "Aucun document reçu sur la période"


def test_a_type_without_a_name_shows_its_code() -> None:
    assert rules.type_words("11490-0") == "Lettre de liaison à la sortie"
    assert rules.type_words("99999-9") == "Type 99999-9"
