"""The French of the screens, form by form."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from maillage.ui import words

NOW = datetime(2026, 11, 23, 7, 40, tzinfo=UTC)  # lundi, 8 h 40 à Paris


def plain(text: str) -> str:
    return text.replace(words.HARD, " ").replace(words.THIN, "_")


@pytest.mark.parametrize(("value", "said"), [("1979-03-28", "28/03/1979"), ("1979-03", "03/1979"), ("1979", "1979")])
def test_a_birth_date_is_written_as_on_the_identity(value: str, said: str) -> None:
    assert words.birth_date(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("2026-11-23", "23 nov. 2026"),
        ("2026-08", "août 2026"),
        ("2026", "2026"),
        ("2026-03-01", "1er mars 2026"),
        (date(2026, 1, 2), "2 janv. 2026"),
    ],
)
def test_a_clinical_date_has_its_month_in_letters(value: str, said: str) -> None:
    assert plain(words.care_date(value)) == said


def test_a_date_without_its_day_has_no_time_and_no_distance() -> None:
    assert (words.clock_time("2026"), words.spoken_time("2026-08")) == ("", "")
    assert (words.day_words("2026-08", NOW), words.moment_words("2026", NOW)) == ("août 2026", "en 2026")


def test_instants_are_shown_in_paris_time_across_the_day_line() -> None:
    assert plain(words.care_date("2026-07-14T22:30:00Z")) == "15 juil. 2026"
    assert words.clock_time("2026-07-14T22:05:00Z") == "0:05"
    assert plain(words.spoken_time("2026-11-23T14:05:00+01:00")) == "14 h 05"
    assert plain(words.spoken_time("2026-11-23T16:00:00Z")) == "17 h"
    assert words.clock_time("2026-11-23") == ""


def test_the_public_reads_whole_dates() -> None:
    assert plain(words.full_date("2026-11-23")) == "lundi 23 novembre 2026"
    assert plain(words.full_date("2026-12-01")) == "mardi 1er décembre 2026"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("2026-11-23T06:55:00Z", "7:55"),
        ("2026-11-21T10:42:00Z", "sam. 11:42"),
        ("2026-11-09", "9 nov."),
        ("2025-11-09", "9 nov. 2025"),
    ],
)
def test_a_moment_in_a_list_is_as_short_as_it_can_be(value: str, said: str) -> None:
    assert plain(words.moment(value, NOW)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("2026-11-22T13:05:00Z", "hier à 14 h 05"),
        ("2026-11-21T13:02:00Z", "samedi à 14 h 02"),
        ("2026-11-09", "le 9 nov."),
        ("2026-11-23", "aujourd’hui"),
    ],
)
def test_a_moment_in_a_sentence(value: str, said: str) -> None:
    assert plain(words.moment_words(value, NOW)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("2026-11-21", "en retard de 2 jours"),
        ("2026-11-23T07:00:00Z", "en retard de moins d’une heure"),
        ("2026-11-23T06:00:00Z", "en retard d’une heure"),
        ("2026-11-23", "aujourd’hui"),
        ("2026-11-23T10:20:00Z", "aujourd’hui avant 11 h 20"),
        ("2026-11-24", "demain"),
        ("2026-11-26", "avant jeudi 26 nov."),
        ("2026-12-15", "avant le 15 déc."),
    ],
)
def test_a_deadline_is_said_in_words(value: str, said: str) -> None:
    assert plain(words.deadline(value, NOW)) == said


@pytest.mark.parametrize(
    ("born", "said"),
    [
        ("1979-03-28", "47 ans"),
        ("2024-11-24", "23 mois"),
        ("2024-11-23", "2 ans"),
        ("2026-11-01", "22 jours"),
        ("2026-11-22", "1 jour"),
        ("1950", "vers 76 ans"),
    ],
)
def test_an_age_is_in_the_unit_that_fits(born: str, said: str) -> None:
    assert plain(words.age(born, NOW)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (3412, "3_412"),
        (Decimal("1.00"), "1,00"),
        (-12.5, "−12,5"),
        (41, "41"),
        (1234567, "1_234_567"),
        (1e-05, "0,00001"),
        (4.10, "4,1"),
    ],
)
def test_a_number_keeps_its_digits(value: int | float | Decimal, said: str) -> None:
    assert plain(words.number(value)) == said


def test_zero_and_one_are_singular() -> None:
    assert [plain(words.count(n, "document")) for n in (0, 1, 2)] == ["0 document", "1 document", "2 documents"]
    assert words.plural(2, "œil", "yeux") == "yeux"


def test_the_ins_is_grouped_as_it_is_read_aloud() -> None:
    assert words.ins("279035121518989") == "2 79 03 51 215 189 89"
    assert words.ins("2790351215189") == "2 79 03 51 215 189"


def test_a_french_phone_number_goes_by_pairs() -> None:
    assert words.phone("0600000003") == "06 00 00 00 03"
    assert words.phone("+33600000003") == "06 00 00 00 03"
    assert words.phone("poste 12") == "poste 12"


@pytest.mark.parametrize(("name", "letters"), [("Dr Camille EXEMPLE", "CE"), ("Élie SPÉCIMEN", "ÉS"), ("Rose", "R"), ("", "")])
def test_initials_leave_titles_out(name: str, letters: str) -> None:
    assert words.initials(name) == letters


def test_a_name_is_the_birth_name_then_the_given_name() -> None:
    names = [
        {"use": "usual", "family": "Martin"},
        {"use": "official", "family": "Pat-Trois", "given": ["Dominique", "Marie-Louise"]},
    ]
    assert words.person_name(names) == "PAT-TROIS Dominique"
    assert words.person_name([{"text": "Inconnue du 12"}]) == "Inconnue du 12"
    assert words.person_name([]) == "Nom inconnu"


def test_a_given_name_that_is_said_to_be_missing_is_left_out() -> None:
    assert words.person_name([{"family": "martin", "given": [None, "ZOÉ"]}]) == "MARTIN Zoé"


def test_a_name_after_de_loses_no_vowel() -> None:
    assert [words.of(name) for name in ("Claude", "André", "Élie", "Hélène", "")] == [
        "de Claude",
        "d’André",
        "d’Élie",
        "d’Hélène",
        "de ",
    ]


def test_a_given_name_in_capitals_is_said_as_a_name() -> None:
    assert words.given_name("MARIE-LOUISE") == "Marie-Louise"
    assert words.given_name("élie") == "Élie"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Pas de carte ?", "Pas de carte_?"),
        ("81 % en 3 mois", "81_% en 3 mois"),
        ("« Plaie du pied »", "«_Plaie du pied_»"),
        ("Erreur : date", "Erreur : date"),
        ("http://exemple.fr", "http://exemple.fr"),
        ("l'hôpital", "l’hôpital"),
    ],
)
def test_french_typography_is_one_filter(written: str, shown: str) -> None:
    assert words.typography(written).replace(words.THIN, "_").replace(words.HARD, " ") == shown


def test_a_colon_never_starts_a_line() -> None:
    assert words.typography("Allergie : amoxicilline") == f"Allergie{words.HARD}: amoxicilline"


def test_a_name_that_is_used_is_said_where_it_is_another():
    born, used = {"use": "official", "family": "Aubry"}, {"use": "usual", "family": "Bailly"}
    assert [words.used_name(names) for names in ([born, used], [born], [used], [born, {**used, "family": "AUBRY"}], [])] == [
        "BAILLY",
        "",
        "",
        "",
        "",
    ]
