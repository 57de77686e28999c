"""What components promise beyond their look: spaces, drawings, places, compression, strictness."""

import gzip
from datetime import UTC, datetime

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Mount, Route

from maillage.ui import compression, drawings, places
from maillage.ui.assets import asset
from maillage.ui.environment import environment
from maillage.ui.words import THIN

NOW = datetime(2026, 11, 23, 7, 40, tzinfo=UTC)


def text_of(source: str, **values: object) -> str:
    return environment().from_string(source).render(now=NOW, **values)


def test_a_templates_own_text_gets_its_spaces_and_its_tags_do_not() -> None:
    shown = text_of('<a title="Pas ici ?" href="{{ to }} ?">Qui lit ?</a> <code>a ? b</code>', to="/x")
    assert shown == f'<a title="Pas ici ?" href="/x ?">Qui lit{THIN}?</a> <code>a ? b</code>'


def test_typography_keeps_markup_and_escapes_text() -> None:
    assert (
        text_of("{{ a|typography }}{{ b|typography }}", a=Markup("<b>Oui !</b>"), b="<i> ?")
        == f"<b>Oui{THIN}!</b>&lt;i&gt;{THIN}?"
    )


def test_values_are_escaped_and_a_missing_one_is_an_error() -> None:
    assert text_of("{{ name }}", name="<script>") == "&lt;script&gt;"
    with pytest.raises(UndefinedError):
        text_of("{{ nowhere }}")


def test_a_hostile_name_cannot_leave_its_component() -> None:
    shown = text_of(
        '{% from "ui/parts.html" import row with context %}{{ row(name, why=name, quiet=name) }}', name='"><script>x</script>'
    )
    assert "<script>" not in shown


def test_a_sparkline_marks_a_last_value_out_of_its_target() -> None:
    rising = drawings.sparkline([7.2, 7.4, 8.6], low=6.5, high=7.5)
    assert rising.out
    assert rising.last[1] < drawings.SPARK_HEIGHT / 2
    assert rising.band is not None
    assert not drawings.sparkline([7.2, 7.0], low=6.5, high=7.5).out
    assert drawings.sparkline([3, 3, 3]).band is None
    with pytest.raises(ValueError, match="two values"):
        drawings.sparkline([1])


def test_bars_fill_the_width_for_the_longest() -> None:
    first, second = drawings.bars([("Lettre", 40, 30), ("Biologie", 10, 0)], width=200)
    assert (first.length, first.part_length, second.length, second.part_length) == (200.0, 150.0, 50.0, 0.0)
    assert drawings.bars([("Rien", 0, 0)], width=200)[0].length == 0


def test_a_plot_starts_at_zero_and_ends_under_a_round_mark() -> None:
    plot = drawings.plot([0, 30, 37], left=0, right=100, top=0, bottom=80)
    assert [level for _, level in plot.marks] == [0, 20, 40]
    assert plot.dots[0] == (0, 80)
    assert drawings.plot([], left=0, right=100, top=0, bottom=80).dots == []


def test_only_places_that_exist_are_shown_and_the_first_is_home() -> None:
    served = {"/nouveautes", "/annuaire", "/file-active", "/mes-documents"}
    assert [place.path for place in places.places_of({"gp"}, served)] == ["/nouveautes", "/annuaire"]
    assert places.home_of({"coordinator"}, served) == "/file-active"
    assert places.home_of({"patient"}, served) == "/mes-documents"
    assert places.home_of({"system"}, served) is None


def test_a_doctor_who_regulates_calls_finds_them_in_the_bar() -> None:
    served = {place.path for mine in places.PLACES.values() for place in mine}
    assert [place.path for place in places.places_of({"hospital", "regulator"}, served)][:2] == ["/nouveautes", "/centre-15"]
    assert "/centre-15" not in {place.path for place in places.places_of({"hospital"}, served)}


@pytest.mark.parametrize("role", places.PLACES)
def test_nobody_has_more_than_five_places(role: str) -> None:
    everything = {place.path for of_role in places.PLACES.values() for place in of_role}
    assert 1 <= len(places.places_of({role}, everything)) <= 5


def test_the_paths_served_are_those_of_the_routes() -> None:
    def nothing() -> Response:
        return Response()

    routes = [Route("/nouveautes", nothing), Mount("/sous", routes=[Route("/page", nothing)])]
    assert places.served_paths(routes) == {"/nouveautes", "/sous/page"}


def test_a_page_is_compressed_with_a_size_that_varies() -> None:
    content = b"Maillage " * 200
    short, long = compression.gzip(content, name_length=1), compression.gzip(content, name_length=90)
    assert len(long) - len(short) == 89
    assert gzip.decompress(short) == gzip.decompress(long) == content


def test_built_files_carry_their_hash() -> None:
    assert asset("maillage.css").startswith("/static/maillage.")
    with pytest.raises(KeyError):
        asset("absent.css")
