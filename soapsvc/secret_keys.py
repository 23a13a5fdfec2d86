"""The keys that seal secrets, where the settings say that they are: one way for passwords, token keys and callbacks."""

from pathlib import Path

from soapsvc.settings import Settings
from soapsvc.storage.database import SQLITE
from soapsvc.storage.sqlite import file_of
from soapsvc.usecases import vault
from soapsvc.usecases.callback_targets import CallbackSecrets
from soapsvc.usecases.vault import Vault
from soapsvc.wiring import database_url


def named_vault(settings: Settings) -> Vault | None:
    """Give what seals passwords and the private keys of tokens: by keys that the operator has named, if he has.

    They live long, so nothing seals them by a key of which he does not know. Raises StorageUnavailable for a file that
    cannot be used.
    """
    keys = _named(settings)
    return Vault(keys) if keys else None


def callback_secrets(settings: Settings, *, makes_keys: bool = True) -> CallbackSecrets:
    """Give what seals the secrets of callbacks: by named keys, or on SQLite by those of a file beside the database.

    Unless `makes_keys` says not to, that file is made where there are no others; what it has sealed it opens also where
    there are. On PostgreSQL, whose nodes share no file, nothing can be sealed without named keys. Raises
    StorageUnavailable for a file that cannot be read or written.
    """
    keys = _named(settings)
    url = database_url(settings)
    if url.get_backend_name() == SQLITE:
        database = file_of(url)
        beside = database.with_name(f"{database.name}.keys")
        if not keys and makes_keys:
            vault.make_keys(beside)
        if beside.exists():
            keys += vault.keys_in(beside)
    return CallbackSecrets(keys)


def _named(settings: Settings) -> list[str]:
    keys = [key.strip() for key in settings.secret_keys.split(",")] if settings.secret_keys else []
    return keys + (vault.keys_in(Path(settings.secret_key_file)) if settings.secret_key_file else [])
