"""Secrets at rest that must be read again: sealed with keys from outside the database."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from soapsvc.domain.errors import StorageUnavailable

_SEALED = "fernet:"
_PLAIN = "plain:"


class Vault:
    """Seals with the first of some keys, and opens with any: so keys are replaced one by one."""

    def __init__(self, keys: list[str]) -> None:
        self._keys = MultiFernet([Fernet(key) for key in keys])

    def seal(self, secret: str) -> str:
        """Give a secret in a form that only holders of the key can read."""
        return _SEALED + self._keys.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """Read a sealed secret. Raises StorageUnavailable where it was sealed with a key that is none of them."""
        try:
            return self._keys.decrypt(sealed.removeprefix(_SEALED)).decode()
        except InvalidToken:
            raise StorageUnavailable("A secret was sealed with a key that the service does not have any more") from None


def keys_in(path: Path) -> list[str]:
    """Read a file of keys, of which it has one at least. Raises StorageUnavailable with a sentence."""
    keys = _lines_of(path)
    try:
        if not keys:
            raise ValueError
        Vault(keys)
    except ValueError:
        raise StorageUnavailable(
            f"The secret key file {path} holds something else than keys: `soapsvc secret-key new` makes one"
        ) from None
    return keys


def protect(vault: Vault | None, secret: str) -> str:
    """Seal a secret if there is a key; without one it is kept as it is."""
    return _PLAIN + secret if vault is None else vault.seal(secret)


def reveal(vault: Vault | None, kept: str) -> str:
    """Read what `protect` gave. Raises StorageUnavailable where it was sealed, and there is no key, or not that one."""
    if kept.startswith(_PLAIN):
        return kept.removeprefix(_PLAIN)
    if vault is None:
        raise StorageUnavailable("A secret is sealed, and neither secret_keys nor secret_key_file names keys")
    return vault.open(kept)


def add_key(path: Path) -> int:
    """Put a new key before those of a file, which is made if need be, for its owner's eyes alone; say how many it has.

    Raises StorageUnavailable where the file cannot be read or written.
    """
    keys = [Fernet.generate_key().decode(), *(_lines_of(path) if path.exists() else [])]
    draft = path.with_name(f"{path.name}.new")
    with _telling_of(path):
        _write(draft, keys)
        draft.replace(path)
    return len(keys)


def make_keys(path: Path) -> None:
    """Make a file with a key, for its owner's eyes alone, unless there is one; several may try at once.

    Raises StorageUnavailable where it cannot be written.
    """
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    with _telling_of(path):
        _write(draft, [Fernet.generate_key().decode()])
        try:
            with suppress(FileExistsError):  # whoever was first has made the one that counts
                os.link(draft, path)
        finally:
            draft.unlink()


def _write(path: Path, keys: list[str]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("".join(f"{key}\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _telling_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(f"The secret key file {path} cannot be written: {error.strerror}") from None


def _lines_of(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text("ascii").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise StorageUnavailable(f"The secret key file {path} cannot be read: {reason}") from None
    return [line for line in lines if line and not line.startswith("#")]
