"""What the settings make of callbacks: whom they reach, how often they are tried, and the keys of their secrets."""

import stat
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet

from soapsvc import settings as settings_module
from soapsvc.callback_wiring import opened_callbacks
from soapsvc.domain.errors import StorageUnavailable
from soapsvc.settings import InvalidSettings, Settings

KEYS = [Fernet.generate_key().decode() for _ in range(2)]


def loaded(**values):
    return settings_module.load({}, {f"SOAPSVC_{name.upper()}": value for name, value in values.items()})


def test_a_key_is_made_once_beside_the_database_for_its_owner_alone(tmp_path):
    database = tmp_path / "soapsvc.db"
    with opened_callbacks(Settings(), database) as callbacks:
        sealed = callbacks.secrets.seal("secret")
    file = tmp_path / "soapsvc.db.keys"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    with opened_callbacks(Settings(), database) as callbacks:
        assert callbacks.secrets.open(sealed) == "secret"
    assert file.read_bytes() == before


def test_keys_of_the_settings_come_before_a_file_and_the_first_of_them_seals(tmp_path):
    old, new = KEYS
    database = tmp_path / "soapsvc.db"
    with opened_callbacks(Settings(secret_keys=old), database) as callbacks:
        sealed = callbacks.secrets.seal("secret")
    with opened_callbacks(Settings(secret_keys=f"{new}, {old}"), database) as callbacks:
        assert callbacks.secrets.open(sealed) == "secret"
        newer = callbacks.secrets.seal("secret")
    with opened_callbacks(Settings(secret_keys=new), database) as callbacks:
        assert callbacks.secrets.open(newer) == "secret"
        with pytest.raises(StorageUnavailable):
            callbacks.secrets.open(sealed)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_holds_no_keys_is_a_sentence(tmp_path):
    (tmp_path / "soapsvc.db.keys").write_text("no key\n")
    with (
        pytest.raises(StorageUnavailable, match=r"soapsvc\.db\.keys"),
        opened_callbacks(Settings(), tmp_path / "soapsvc.db"),
    ):
        pass


def test_the_settings_reach_what_handles_deliveries(tmp_path):
    settings = Settings(secret_keys=KEYS[0], callback_retries="1, 60", callback_jitter=0.5, callback_slots_per_host=1)
    with opened_callbacks(settings, tmp_path / "soapsvc.db") as callbacks:
        handler = callbacks.handler(None, settings)  # type: ignore[arg-type]
    assert handler.retries.delays == (timedelta(seconds=1), timedelta(minutes=1))
    assert (handler.retries.jitter, handler.slots) == (0.5, 16)
    assert [handler.slots_of_hosts.take("a") for _ in range(2)] == [True, False]


def test_the_default_retries_of_the_settings_are_those_of_the_code(tmp_path):
    with opened_callbacks(Settings(secret_keys=KEYS[0]), tmp_path / "soapsvc.db") as callbacks:
        handler = callbacks.handler(None, Settings())  # type: ignore[arg-type]
    assert handler.retries == type(handler.retries)()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("callback_networks", "10.0.0.1/8"),
        ("callback_networks", "somewhere"),
        ("callback_retries", ""),
        ("callback_retries", "5,x"),
        ("callback_retries", "0"),
        ("callback_retries", "-5"),
        ("callback_retries", "9999999"),
        ("callback_jitter", "1"),
        ("callback_seconds", "0"),
        ("callback_slots", "0"),
        ("callback_slots_per_host", "0"),
        ("secret_keys", "no-key"),
        ("secret_keys", f"{KEYS[0]},"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_by_its_name_and_its_value_is_not_repeated(name, value):
    with pytest.raises(InvalidSettings) as refusal:
        loaded(**{name: value})
    assert f"SOAPSVC_{name.upper()}" in str(refusal.value)
    assert "no-key" not in str(refusal.value)
    assert KEYS[0] not in str(refusal.value)


def test_keys_are_never_shown():
    found = loaded(secret_keys=KEYS[0])
    assert found.shown("secret_keys") == "set"
    assert KEYS[0] not in repr(found)
    assert loaded().shown("secret_keys") is None
    assert loaded().shown("port") == 8080
