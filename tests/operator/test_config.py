"""Settings: read from the environment, refused by name when they are wrong, each described where an operator reads."""

from dataclasses import fields
from pathlib import Path

import pytest

from maillage.config import PREFIX, Config, secret_text
from maillage.errors import SetupError
from tests.support.plugin import ROOT

DESCRIBED = ROOT / "docs" / "reference" / "settings.md"


def test_settings_keep_their_kinds() -> None:
    config = Config.from_env(
        {"MAILLAGE_DATA": "/srv/x", "MAILLAGE_WEB_WORKERS": "3", "MAILLAGE_MLLP_STALL": "2.5", "MAILLAGE_DEMO": "Yes"}
    )
    assert (config.data, config.web_workers, config.mllp_stall, config.demo) == (Path("/srv/x"), 3, 2.5, True)


def test_what_is_no_setting_of_ours_is_left_alone_and_a_misspelt_one_is_not() -> None:
    assert Config.from_env({"PATH": "/bin"}) == Config()
    with pytest.raises(SetupError, match="MAILLAGE_PORT is not a setting"):
        Config.from_env({"MAILLAGE_PORT": "80"})


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [("WEB_WORKERS", "two", "a whole number"), ("MLLP_STALL", "1 min", "a number"), ("DEMO", "oui", "true or false")],
)
def test_a_wrong_value_is_refused_with_what_is_expected(name: str, text: str, kind: str) -> None:
    with pytest.raises(SetupError, match=f"^MAILLAGE_{name}='{text}': {kind} is expected$"):
        Config.from_env({PREFIX + name: text})


def test_a_child_process_reads_back_the_same_settings() -> None:
    config = Config(data=Path("/srv/x"), web_workers=2, psc_client_secret="s", demo=True)
    assert Config.from_env(config.environment()) == config


def test_no_secret_is_printed_with_the_settings() -> None:
    secrets = [one.name for one in fields(Config) if not one.repr]
    assert {
        "smtp_password",
        "psc_client_secret",
        "cardless_client_secret",
        "token",
        "mllp_tls_key",
        "account_keys",
        "files_keys",
        "openid_key",
        "push_key",
        "citizen_client_secret",
    } == set(secrets)
    assert "s3cret" not in repr(Config(**dict.fromkeys(secrets, "s3cret")))


@pytest.mark.parametrize("name", [one.name for one in fields(Config)])
def test_every_setting_is_described(name: str) -> None:
    row = next(line for line in DESCRIBED.read_text("utf-8").splitlines() if f"`{PREFIX}{name.upper()}`" in line)
    assert row.split("|")[3].strip().removesuffix("Secret: never logged")


def test_a_secret_is_a_text_or_what_a_file_holds_and_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    held, binary = tmp_path / "key", tmp_path / "binary"
    held.write_text("of the file", "utf-8")
    binary.write_bytes(b"\xff\xfe\x00")
    assert secret_text("MAILLAGE_X_KEY", "of the setting", str(held)) == "of the setting"
    assert secret_text("MAILLAGE_X_KEY", "", str(held)) == "of the file"
    assert secret_text("MAILLAGE_X_KEY", "", "") == ""
    for path in (tmp_path / "absent", tmp_path, binary):
        with pytest.raises(SetupError, match="MAILLAGE_X_KEY_FILE"):
            secret_text("MAILLAGE_X_KEY", "", str(path))
