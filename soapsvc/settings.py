"""Every setting of the service: from the command line, the environment (SOAPSVC_…), a TOML file, or its default."""

import logging
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from soapsvc.domain.tenancy import DEFAULT_MONIKER
from soapsvc.origin import networks_of

PREFIX = "SOAPSVC_"
FILE_VARIABLE = f"{PREFIX}CONFIG"
DEFAULT_FILE = Path("soapsvc.toml")
_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")

_BY_OUR_NAME = {
    f"{ours}_session_synchronous_{what}_ms": f"{published}SessionSynchronous{What}Ms"
    for ours, published in (("save_and_close", "SaveAndClose"), ("complete", "Complete"))
    for what, What in (("timeout", "Timeout"), ("polling_interval", "PollingInterval"))
}
MISSPELT = {
    published.replace("SaveAndClose", "SaveAndCloss"): ours
    for ours, published in _BY_OUR_NAME.items()
    if published.startswith("SaveAndClose")
}
"""A slip of the pen in the published contract, which settings in the field may have taken over."""

PUBLISHED: Mapping[str, str] = {published: ours for ours, published in _BY_OUR_NAME.items()} | MISSPELT
"""Settings that have a published name, which a settings file or the environment may use in place of ours."""

_log = logging.getLogger(__name__)


class InvalidSettings(Exception):
    """A setting is unknown or unusable; the message is a sentence that names it."""


class CannotListen(Exception):
    """The host and port of the settings cannot be had; the message is a sentence that names them."""


def _http_url(url: str | None) -> str | None:
    if url is not None and not url.startswith(("http://", "https://")):
        raise ValueError("it must start with http:// or https://")
    return url


def _networks(text: str | None) -> str | None:
    networks_of(text)
    return text


def _header_name(name: str | None) -> str | None:
    if name is not None and not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise ValueError("it must be the name of an HTTP header")
    if name is not None and name.lower() in {"authorization", "host", "x-forwarded-for"}:
        raise ValueError("this header has another meaning")
    return name


def _hide(found: re.Match[str]) -> str:
    return f"{found[1]}***@" if found[1] else f"{found[2]}***"


def _waits(text: str) -> str:
    if not all(part.strip().isdecimal() and 0 < int(part) <= 604_800 for part in text.split(",")):
        raise ValueError("it must be whole seconds, from 1 to 604800, divided by commas")
    return text


def _keys(text: str | None) -> str | None:
    if text is not None and not all(_KEY.fullmatch(key.strip()) for key in text.split(",")):
        raise ValueError("it must be keys of 32 bytes in base64 for URLs, divided by commas")
    return text


class Settings(BaseModel):
    """The settings, checked. Their descriptions are those that `soapsvc settings` and docs/running.md show."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: str = Field("sqlite:///soapsvc.db", description="The database, as a URL")
    database_connections: int = Field(
        16, ge=1, le=500, description="The most connections that a process opens to PostgreSQL"
    )
    database_seconds: float = Field(
        10.0, gt=0, le=600, description="How long a statement may take on PostgreSQL, or a connection be waited for"
    )
    database_lock_seconds: float = Field(
        5.0, gt=0, le=600, description="How long a statement waits for a row that others have locked on PostgreSQL"
    )
    host: str = Field("127.0.0.1", description="The address to listen on")
    port: int = Field(8080, ge=1, le=65535, description="The port to listen on")
    processes: int = Field(1, ge=1, le=64, description="How many processes answer requests")
    public_url: Annotated[str | None, AfterValidator(_http_url)] = Field(
        None, description="The address that clients use, as it stands in the WSDLs; by default from host and port"
    )
    default_tenancy: str = Field(
        DEFAULT_MONIKER, description="The moniker of the tenancy of requests and commands that name none"
    )
    credential_seconds: float = Field(
        5.0, ge=0, le=60, description="How long a verified sign-in is trusted before its account is looked at again"
    )
    clock_skew_seconds: float = Field(
        300.0,
        ge=1,
        le=3_600,
        description="How far clocks may differ, and so how old a UsernameToken may be that says when it was made",
    )
    single_uses: int = Field(
        100_000, ge=100, le=10_000_000, description="The most UsernameTokens with a Nonce that are remembered at once"
    )
    secret_keys: Annotated[str | None, AfterValidator(_keys)] = Field(
        None, repr=False, description="Keys that seal what must be read again, with commas: the first seals, all open"
    )
    secret_key_file: str | None = Field(
        None, description="A file of such keys, which come after those; without either no PasswordDigest is accepted"
    )
    token_seconds: int = Field(
        3_600, ge=1, le=86_400, description="How long a token is valid, unless its principal has a time of its own"
    )
    throttle_account_failures: int = Field(
        5, ge=1, le=1_000, description="How many failed sign-ins of an account from one address are free"
    )
    throttle_address_failures: int = Field(
        50, ge=1, le=100_000, description="How many failed sign-ins from one address are free"
    )
    throttle_seconds: float = Field(
        900.0, ge=0, le=86_400, description="The longest time for which further sign-ins are refused; 0 refuses none"
    )
    proxy_addresses: Annotated[str | None, AfterValidator(_networks)] = Field(
        None, description="Addresses and networks of the reverse proxies to trust, divided by commas"
    )
    proxy_identity_header: Annotated[str | None, AfterValidator(_header_name)] = Field(
        None, description="The header in which a trusted reverse proxy says who calls"
    )
    drain_seconds: float = Field(
        0.0,
        ge=0,
        le=300,
        description="How long the service says that it is not ready, and still answers, before it stops",
    )
    body_seconds: float = Field(10.0, gt=0, le=600, description="How long the body of a request may take to arrive")
    message_bytes: int = Field(2_000_000, ge=1_000, le=100_000_000, description="The most bytes that a message has")
    message_depth: int = Field(100, ge=10, le=200, description="The most levels that a message's XML is nested")
    message_elements: int = Field(50_000, ge=100, description="The most XML elements that a message has")
    message_attributes: int = Field(500, ge=50, description="The most attributes that an XML element has")
    message_namespaces: int = Field(
        100, ge=20, description="The most namespace declarations that an XML element stands within"
    )
    attribute_length: int = Field(65_536, ge=1_000, description="The most characters that an XML attribute has")
    batch_items: int = Field(1_000, ge=1, description="The most work items that one request names")
    list_page_items: int = Field(1_000, ge=1, le=10_000, description="The most work items that a page of a list has")
    list_seconds: float = Field(
        3.0, gt=0, le=600, description="How long the database may take to read a work list for a client"
    )
    list_wait_seconds: int = Field(
        60, ge=1, le=600, description="The most seconds that a client may wait for a change of a work list"
    )
    list_waiters: int = Field(1_000, ge=0, description="The most clients that wait for changes at a time")
    version_required: bool = Field(
        False, description="Whether a change that says no version is refused, unless its tenancy has a rule of its own"
    )
    tls_certificate: str | None = Field(None, description="The file of the certificate and its chain, in PEM, for TLS")
    tls_key: str | None = Field(None, description="The file of the certificate's private key, in PEM")
    tls_key_password_file: str | None = Field(
        None, description="The file whose first line is the password of an encrypted key"
    )
    tls_client_ca: str | None = Field(
        None, description="The file of the authorities, in PEM, of which every client must have a certificate"
    )
    callback_http: bool = Field(False, description="Whether callbacks may go to http:// addresses too")
    callback_networks: Annotated[str | None, AfterValidator(_networks)] = Field(
        None, description="Networks that callbacks may go to although they are not public, in CIDR form, with commas"
    )
    callback_seconds: float = Field(
        20.0,
        gt=0,
        le=60,
        description="How long a try of a callback may take, from the look-up of the name to the answer",
    )
    callback_retries: Annotated[str, AfterValidator(_waits)] = Field(
        "5,300,1800,7200,18000,36000,50400,72000,86400",
        description="The seconds to wait after each failed try of a callback but the last",
    )
    callback_jitter: float = Field(
        0.2, ge=0, lt=1, description="By what share of it each wait between tries may differ by chance"
    )
    callback_slots: int = Field(16, ge=1, le=256, description="The most callbacks that are tried at once")
    callback_slots_per_host: int = Field(
        4, ge=1, le=256, description="The most callbacks that are tried at once at one receiver's host"
    )
    delivery_days: int = Field(
        30,
        ge=1,
        le=3_650,
        description="How many days callbacks are kept, with their log, that arrived or were given up",
    )
    save_and_close_session_synchronous_timeout_ms: int = Field(
        20_000,
        ge=0,
        description="How long SaveAndClose is waited for before it is answered that it goes on; 0: not at all",
    )
    save_and_close_session_synchronous_polling_interval_ms: int = Field(
        5_000, ge=0, description="How often a waiting SaveAndClose looks at the database, besides being woken; 0: never"
    )
    complete_session_synchronous_timeout_ms: int = Field(
        20_000, ge=0, description="How long Complete is waited for before it is answered that it goes on; 0: not at all"
    )
    complete_session_synchronous_polling_interval_ms: int = Field(
        5_000, ge=0, description="How often a waiting Complete looks at the database, besides being woken; 0: never"
    )
    response_code: Literal["split", "always200", "always202"] = Field(
        "split",
        description="How SaveAndClose and Complete are answered: 200 when done and 202 while not, or always one",
    )
    waiters: int = Field(
        1_000,
        ge=0,
        description="The most requests that wait for an operation; further ones are answered that it goes on",
    )
    save_slots: int = Field(4, ge=1, le=64, description="The most SaveAndClose that one process does at a time")
    complete_slots: int = Field(2, ge=1, le=64, description="The most Complete that one process does at a time")
    job_attempts: int = Field(5, ge=1, le=100, description="How often an operation is tried before it has failed")
    lease_seconds: float = Field(
        15.0, ge=0.1, le=3600, description="After how long without a sign of life others take up a worker's jobs"
    )
    assembly_seconds: float = Field(10.0, gt=0, le=300, description="How long the documents of a version may take")
    assembly_memory_bytes: int = Field(
        512_000_000, ge=128_000_000, description="The most memory that assembling documents takes"
    )
    document_bytes: int = Field(10_000_000, ge=1_000, description="The most bytes that the documents of a version have")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least level that is logged"
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="How log lines are written, on standard error"
    )

    def shown(self, name: str) -> Any:
        """Give a setting's value as it may be printed: without the password that a database's URL may hold.

        Of a secret only that there is one.
        """
        value = getattr(self, name)
        if value is not None and not type(self).model_fields[name].repr:
            return "set"
        return re.sub(r"(//[^:/@]*:).*@|(\bpassword=)[^&]*", _hide, value) if name == "database" else value

    @property
    def address(self) -> str:
        """The public address of the service, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "https" if self.tls_certificate else "http"
        return (self.public_url or f"{scheme}://{host}:{self.port}").rstrip("/")


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings, and for each where its value comes from."""

    settings: Settings
    origins: Mapping[str, str]


def load(options: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> LoadedSettings:
    """Gather the settings; `options` are those of the command line, None for one that was not given.

    Raises InvalidSettings.
    """
    file, from_file = _file_values(environment)
    from_file = _by_our_names(from_file)
    from_environment = _by_our_names({name: value for name, value in environment.items() if name in PUBLISHED}) | {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name != FILE_VARIABLE
    }
    sources = [
        (str(file), from_file),
        ("environment", from_environment),
        ("command line", {name: value for name, value in options.items() if value is not None}),
    ]
    values: dict[str, Any] = {}
    origins = dict.fromkeys(Settings.model_fields, "default")
    for origin, found in sources:
        values |= found
        origins |= dict.fromkeys(found, origin)
    try:
        return LoadedSettings(Settings(**values), origins)
    except ValidationError as error:
        raise InvalidSettings(_sentence(error, origins)) from None


def _by_our_names(given: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings that came by their published names by ours."""
    for name in MISSPELT.keys() & given.keys():
        _log.warning("the setting %s is taken for %s", name, name.replace("Closs", "Close"))
    return {PUBLISHED.get(name, name): value for name, value in given.items()}


def _file_values(environment: Mapping[str, str]) -> tuple[Path, dict[str, Any]]:
    named = environment.get(FILE_VARIABLE)
    file = Path(named or DEFAULT_FILE)
    if named is None and not file.exists():
        return file, {}
    try:
        return file, tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSettings(f"The settings file {file} cannot be read: {error}") from None


def _sentence(error: ValidationError, origins: Mapping[str, str]) -> str:
    """Say what is wrong without repeating the value: it may be a secret."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0])
    shown = f"{PREFIX}{name.upper()}" if origins[name] == "environment" else name
    if name in _BY_OUR_NAME:
        shown = f"{shown}, published as {_BY_OUR_NAME[name]},"
    if first["type"] == "extra_forbidden":
        return f"There is no setting {shown} (from: {origins[name]}); `soapsvc settings` lists all"
    return f"The setting {shown} (from: {origins[name]}) cannot be used: {first['msg']}"
