"""`maillage account`: the first administrator."""

import pytest

from maillage.config import Config
from maillage.errors import SetupError
from maillage.operator.accounts import Asked, account

ROSE = Asked(email="rose@exemple.fr", given="Rose", family="Prototype", role="operator")


def test_the_first_administrator_is_invited_by_a_link_on_the_terminal(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = Config(database_url=dsn, base_url="https://maillage.example")
    assert account(config, "invite", ROSE) == 0
    assert "rose@exemple.fr : https://maillage.example/compte/lien?lien=" in capsys.readouterr().out
    account(config, "list", Asked())
    assert capsys.readouterr().out.split("\t") == ["rose@exemple.fr", "Rose PROTOTYPE", "operator", "-", "invité\n"]
    account(config, "link", ROSE)
    account(config, "close", ROSE)
    capsys.readouterr()
    account(config, "list", Asked())
    assert capsys.readouterr().out.endswith("fermé\n")
    for act, asked in (
        ("link", ROSE),
        ("invite", Asked(email="a@b.fr")),
        ("invite", Asked(email="a@b.fr", given="A", family="B", role="gp")),
    ):
        with pytest.raises(SetupError):
            account(config, act, asked)
