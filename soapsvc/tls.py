"""Reads what TLS needs from files, and says in a sentence what is wrong with them before anything is served."""

import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.hazmat.primitives.serialization import load_pem_private_key as read_key

Parsed = TypeVar("Parsed")

_SHORTEST_RSA = 2048
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_FOR_ALL_OR_TO_CHANGE = 0o027

_log = logging.getLogger(__name__)


class UnusableTls(Exception):
    """A file of the TLS settings cannot be used; the message is a sentence that names setting and file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tls:
    """What serving by TLS needs; `plain_key`, as PEM, where the key's file is encrypted."""

    certificate: Path
    key: Path
    client_ca: Path | None
    plain_key: bytes | None = field(repr=False)


def read(
    *, certificate: str | None, key: str | None, password_file: str | None = None, client_ca: str | None = None
) -> Tls | None:
    """Read and check the files that the settings name; None where they name none. Raises UnusableTls.

    Logs a warning of a key that others may read, and of a certificate that is not valid now.
    """
    if certificate is None and key is None and password_file is None and client_ca is None:
        return None
    if certificate is None or key is None:
        raise UnusableTls("TLS needs both settings, tls_certificate and tls_key")
    chain = _parsed("tls_certificate", certificate, x509.load_pem_x509_certificates, "certificate in PEM")
    private, is_encrypted = _key(key, password_file)
    _check_pair(chain[0], private, certificate, key)
    if client_ca is not None:
        _parsed("tls_client_ca", client_ca, x509.load_pem_x509_certificates, "certificate in PEM")
    for setting, path in (("tls_key", key), ("tls_key_password_file", password_file)):
        _warn_of_readers(setting, path)
    _warn_of_dates(chain[0], certificate)
    plain = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) if is_encrypted else None
    return Tls(
        certificate=Path(certificate),
        key=Path(key),
        client_ca=None if client_ca is None else Path(client_ca),
        plain_key=plain,
    )


def kept_in_memory(content: bytes) -> BinaryIO:
    """Give an open file without a name that holds a secret: in memory where the system can, else removed already.

    /dev/fd and its number is a path to it, as long as it is open.
    """
    if hasattr(os, "memfd_create"):
        file: BinaryIO = os.fdopen(os.memfd_create("key"), "w+b")
    else:
        file = tempfile.TemporaryFile()  # type: ignore[assignment, unused-ignore]  # noqa: SIM115
    file.write(content)
    file.flush()
    file.seek(0)
    return file


def _parsed(setting: str, path: str, parse: Callable[[bytes], Parsed], what: str) -> Parsed:
    content = _content(setting, path)
    try:
        return parse(content)
    except ValueError:
        raise UnusableTls(f"The setting {setting} cannot be used: {path} holds no {what}") from None


def _content(setting: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UnusableTls(f"The setting {setting} cannot be used: {path}: {error.strerror}") from None


def _key(path: str, password_file: str | None) -> tuple[PrivateKeyTypes, bool]:
    """Read the private key, and say whether its file is encrypted."""
    content = _content("tls_key", path)
    password = (
        None
        if password_file is None
        else _content("tls_key_password_file", password_file).partition(b"\n")[0].rstrip(b"\r")
    )
    try:
        return read_key(content, None), False
    except TypeError:  # it is encrypted
        pass
    except ValueError:
        raise UnusableTls(f"The setting tls_key cannot be used: {path} holds no private key in PEM") from None
    if not password:
        raise UnusableTls(f"The key {path} is encrypted: tls_key_password_file must name a file with its password")
    try:
        return read_key(content, password), True
    except ValueError:
        raise UnusableTls(f"The password in {password_file} is not that of the key {path}") from None


def _check_pair(certificate: x509.Certificate, key: PrivateKeyTypes, certificate_path: str, key_path: str) -> None:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        raise UnusableTls(f"The key {key_path} does not belong to the certificate {certificate_path}, the first there")
    is_usable = (
        (isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _SHORTEST_RSA)
        or (isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES)
        or isinstance(key, ed25519.Ed25519PrivateKey)
    )
    if not is_usable:
        raise UnusableTls(
            f"The key {key_path} cannot be used for TLS: it must be RSA of {_SHORTEST_RSA} bits or more, "
            f"Ed25519, or of one of the curves {', '.join(_CURVES)}"
        )


def _warn_of_readers(setting: str, path: str | None) -> None:
    if path is not None and os.name == "posix" and Path(path).stat().st_mode & _FOR_ALL_OR_TO_CHANGE:
        _log.warning("%s: others may read or change %s: take their permissions away (chmod 600)", setting, path)


def _warn_of_dates(certificate: x509.Certificate, path: str) -> None:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not start <= datetime.now(UTC) <= end:
        _log.warning("tls_certificate: %s is valid from %s to %s, and not now", path, start, end)
