"""Names of files, whoever gave them."""

import pytest

from maillage.files.names import LONGEST, UNNAMED, file_name


@pytest.mark.parametrize("said", ["Plaie du pied, 12 mars.jpg", "compte-rendu.v2.PDF", "Ordonnance de Zoé"])
def test_a_name_that_says_what_it_is_stays(said: str) -> None:
    assert file_name(said) == said


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("../../etc/cron.d/evil.sh", "evil.sh"),
        ("a/..", "a"),
        ("C:\\Users\\Nora\\plaie.jpg", "plaie.jpg"),
        ("ordonnance\u202efdp.exe", "ordonnancefdp.exe"),
        ("plaie.jpg\r\nSet-Cookie: a=b", "plaie.jpg Set-Cookie: a=b"),
        ("a\0b\u200b\ufeff.pdf", "ab.pdf"),
        (".htaccess", "htaccess"),
        *((nothing, UNNAMED) for nothing in ("", "/", "\\", ".", "..", "\u202e\0", " . ")),
    ],
)  # fmt: skip
def test_what_is_a_path_or_is_not_seen_goes(said: str, kept: str) -> None:
    assert file_name(said) == kept


@pytest.mark.parametrize("said", ["x" * 5_000 + ".pdf", "x" * 5_000, "x." + "y" * 5_000, "é" * 200 + ".jpeg"])
def test_an_endless_name_is_cut_before_its_ending(said: str) -> None:
    kept = file_name(said)
    assert 0 < len(kept) <= LONGEST
    ending = said.rpartition(".")[2]
    assert len(ending) > 5 or kept.endswith(f".{ending}")
