"""What the settings make of callbacks: whom they reach, how often they are tried, and the keys of their secrets."""

from datetime import timedelta

import pytest

from soapsvc import settings as settings_module
from soapsvc.callback_wiring import opened_callbacks
from soapsvc.settings import InvalidSettings, Settings

KEY = "NIOke36EkzplWPaOFg4RvNC-jcxKRyLl_4zUYIOlPX0="


def loaded(**values):
    return settings_module.load({}, {f"SOAPSVC_{name.upper()}": value for name, value in values.items()})


def test_the_settings_reach_what_handles_deliveries(tmp_path):
    settings = Settings(
        database=f"sqlite:///{tmp_path}/soapsvc.db",
        secret_keys=KEY,
        callback_retries="1, 60",
        callback_jitter=0.5,
        callback_slots_per_host=1,
    )
    with opened_callbacks(settings) as callbacks:
        handler = callbacks.handler(None, settings)  # type: ignore[arg-type]
    assert handler.retries.delays == (timedelta(seconds=1), timedelta(minutes=1))
    assert (handler.retries.jitter, handler.slots) == (0.5, 16)
    assert [handler.slots_of_hosts.take("a") for _ in range(2)] == [True, False]


def test_the_default_retries_of_the_settings_are_those_of_the_code(tmp_path):
    settings = Settings(database=f"sqlite:///{tmp_path}/soapsvc.db", secret_keys=KEY)
    with opened_callbacks(settings) as callbacks:
        handler = callbacks.handler(None, settings)  # type: ignore[arg-type]
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
        ("secret_keys", f"{KEY},"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_by_its_name_and_its_value_is_not_repeated(name, value):
    with pytest.raises(InvalidSettings) as refusal:
        loaded(**{name: value})
    assert f"SOAPSVC_{name.upper()}" in str(refusal.value)
    assert "no-key" not in str(refusal.value)
    assert KEY not in str(refusal.value)


def test_keys_are_never_shown():
    found = loaded(secret_keys=KEY)
    assert found.settings.shown("secret_keys") == "set"
    assert KEY not in repr(found)
    assert loaded().settings.shown("secret_keys") is None
    assert loaded().settings.shown("port") == 8080
