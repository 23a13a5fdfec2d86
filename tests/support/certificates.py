"""An authority of the test's own, and the certificates and keys that it gives out."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

PASSWORD = "opens the key"
_THIS_MACHINE = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates; `certificate` is the file by which others trust it."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self._own = _signed(self._name, self._name, self._key, self._key, is_authority=True)
        self.certificate = folder / f"{name}.pem"
        self.certificate.write_bytes(self._own.public_bytes(Encoding.PEM))

    def pair(
        self,
        name: str,
        *,
        bits: int | None = None,
        form: str = "PKCS8",
        encrypted: bool = False,
        days: int = 1,
        hosts: Sequence[str] = _THIS_MACHINE,
    ) -> Pair:
        """Make a certificate for 127.0.0.1 and localhost or others, of the curve P-256 or of RSA with so many bits."""
        key: Any = rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())
        certificate = _signed(_name(name), self._name, key, self._key, is_authority=False, days=days, hosts=hosts)
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        encryption: KeySerializationEncryption = NoEncryption()
        if encrypted:
            encryption = BestAvailableEncryption(PASSWORD.encode())
        pair.key.write_bytes(key.private_bytes(Encoding.PEM, getattr(PrivateFormat, form), encryption))
        pair.key.chmod(0o600)
        return pair


def _alternative_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _signed(
    subject: x509.Name,
    issuer: x509.Name,
    key: Any,
    by: Any,
    *,
    is_authority: bool,
    days: int = 1,
    hosts: Sequence[str] = _THIS_MACHINE,
) -> x509.Certificate:
    now = datetime.now(UTC)
    names = [_alternative_name(host) for host in hosts]
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(by, hashes.SHA256())
    )
