"""Secrets at rest that must be read again: sealed with keys from a file outside the database."""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from soapsvc.domain.errors import StorageUnavailable

_SEALED = "fernet:"
_PLAIN = "plain:"


class Vault:
    """Seals with the first key of a file, and opens with any: so keys are replaced one by one."""

    def __init__(self, keys: list[str]) -> None:
        self._keys = MultiFernet([Fernet(key) for key in keys])

    def seal(self, secret: str) -> str:
        """Give a secret in a form that only holders of the key can read."""
        return _SEALED + self._keys.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """Read a sealed secret. Raises StorageUnavailable where it was sealed with a key that the file has no more."""
        try:
            return self._keys.decrypt(sealed.removeprefix(_SEALED)).decode()
        except InvalidToken:
            raise StorageUnavailable("A secret was sealed with a key that the secret key file does not have") from None


def load(file: str | None) -> Vault | None:
    """Read the file of keys, if there is to be one. Raises StorageUnavailable with a sentence."""
    if file is None:
        return None
    keys = _keys_in(Path(file))
    try:
        if not keys:
            raise ValueError
        return Vault(keys)
    except ValueError:
        raise StorageUnavailable(
            f"The secret key file {file} holds something else than keys: `soapsvc secret-key new` makes one"
        ) from None


def protect(vault: Vault | None, secret: str) -> str:
    """Seal a secret if there is a key; without one it is kept as it is."""
    return _PLAIN + secret if vault is None else vault.seal(secret)


def reveal(vault: Vault | None, kept: str) -> str:
    """Read what `protect` gave. Raises StorageUnavailable where it was sealed, and there is no key, or not that one."""
    if kept.startswith(_PLAIN):
        return kept.removeprefix(_PLAIN)
    if vault is None:
        raise StorageUnavailable("A secret is sealed, and the setting secret_key_file names no keys")
    return vault.open(kept)


def add_key(path: Path) -> int:
    """Put a new key before those of a file, which is made if need be, for its owner's eyes alone; say how many it has.

    Raises StorageUnavailable where the file cannot be read or written.
    """
    keys = [Fernet.generate_key().decode(), *(_keys_in(path) if path.exists() else [])]
    draft = path.with_name(f"{path.name}.new")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("".join(f"{key}\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise StorageUnavailable(f"The secret key file {path} cannot be written: {error.strerror}") from None
    return len(keys)


def _keys_in(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text("ascii").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise StorageUnavailable(f"The secret key file {path} cannot be read: {reason}") from None
    return [line for line in lines if line and not line.startswith("#")]
