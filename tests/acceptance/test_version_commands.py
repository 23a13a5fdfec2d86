"""The settings with published names, and the commands about template packages."""

import pytest

from soapsvc import settings as settings_module
from soapsvc.settings import InvalidSettings
from tests.support.server import run_command

PUBLISHED = {
    "SaveAndCloseSessionSynchronousTimeoutMs": "save_and_close_session_synchronous_timeout_ms",
    "SaveAndCloseSessionSynchronousPollingIntervalMs": "save_and_close_session_synchronous_polling_interval_ms",
    "CompleteSessionSynchronousTimeoutMs": "complete_session_synchronous_timeout_ms",
    "CompleteSessionSynchronousPollingIntervalMs": "complete_session_synchronous_polling_interval_ms",
}
DEFAULTS = {name: 20_000 if "Timeout" in name else 5_000 for name in PUBLISHED}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def load(**variables: str):
    return settings_module.load({}, variables)


@pytest.mark.parametrize("published", PUBLISHED)
def test_a_setting_has_its_published_default_and_its_published_name(published, tmp_path):
    ours = PUBLISHED[published]
    assert getattr(load().settings, ours) == DEFAULTS[published]
    assert getattr(load(**{published: "70"}).settings, ours) == 70
    assert getattr(load(**{f"SOAPSVC_{ours.upper()}": "80"}).settings, ours) == 80
    assert getattr(load(**{published: "0"}).settings, ours) == 0
    (tmp_path / "soapsvc.toml").write_text(f"{published} = 90\n")
    assert getattr(load().settings, ours) == 90
    assert load().origins[ours] == "soapsvc.toml"
    assert getattr(load(**{published: "70"}).settings, ours) == 70


@pytest.mark.parametrize("value", ["-1", "soon", "1.5", ""])
@pytest.mark.parametrize("published", PUBLISHED)
def test_what_is_negative_or_no_number_is_refused_and_named(published, value):
    with pytest.raises(InvalidSettings, match=published):
        load(**{published: value})
    with pytest.raises(InvalidSettings, match=PUBLISHED[published].upper()):
        load(**{f"SOAPSVC_{PUBLISHED[published].upper()}": value})


@pytest.mark.parametrize("what", ["Timeout", "PollingInterval"])
def test_the_misspelling_of_a_published_page_is_taken_with_a_warning(what, caplog):
    loaded = load(**{f"SaveAndClossSessionSynchronous{what}Ms": "70"})
    assert getattr(loaded.settings, PUBLISHED[f"SaveAndCloseSessionSynchronous{what}Ms"]) == 70
    assert f"SaveAndClossSessionSynchronous{what}Ms" in caplog.text


def test_only_what_was_misspelt_is_taken_so():
    with pytest.raises(InvalidSettings):
        settings_module.load({"ComplettSessionSynchronousTimeoutMs": 1}, {})
    assert "CompleteSessionSynchronousTimeoutMs" not in settings_module.MISSPELT


def test_the_response_code_is_one_of_three():
    assert load().settings.response_code == "split"
    with pytest.raises(InvalidSettings):
        load(SOAPSVC_RESPONSE_CODE="always204")


def test_packages_are_put_replaced_and_listed(tmp_path):
    assert run_command(tmp_path, "migrate").returncode == 0
    (tmp_path / "letter.txt").write_text("Dear {{ Customer }}")
    (tmp_path / "summary.md").write_text("# {{ Customer }}")

    added = run_command(tmp_path, "package", "put", "letters", "letter.txt", "summary.md")
    assert (added.returncode, added.stdout) == (0, "letters added, with 2 templates\n")
    replaced = run_command(tmp_path, "package", "put", "letters", "letter.txt")
    assert replaced.stdout == "letters replaced, with 1 templates\n"
    assert run_command(tmp_path, "package", "list", "--json").stdout == '[{"id": "letters", "templates": 1}]\n'


def test_what_is_no_template_is_refused_with_a_sentence(tmp_path):
    assert run_command(tmp_path, "migrate").returncode == 0
    (tmp_path / "letter.exe").write_text("")
    refused = run_command(tmp_path, "package", "put", "letters", "letter.exe")
    assert refused.returncode == 1
    assert "letter.exe is none of .txt, .md, .html" in refused.stderr
    assert run_command(tmp_path, "package", "put", "letters", "missing.txt").returncode == 2
