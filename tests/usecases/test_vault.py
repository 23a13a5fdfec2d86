"""Secrets that can be read again: only with the keys, of which one follows another."""

import asyncio
import stat

import pytest

from soapsvc.domain.credentials import PasswordDigest, SingleUse
from soapsvc.domain.errors import Claim, NotAuthenticated, StorageUnavailable
from soapsvc.storage import recoverable_secrets, token_keys
from soapsvc.storage.database import InTenancy
from soapsvc.usecases import people, sealing, tenancies, vault
from soapsvc.usecases import token_keys as keys_of_tokens
from soapsvc.usecases.callback_targets import CallbackSecrets
from soapsvc.usecases.digests import DigestSignIn
from soapsvc.usecases.throttle import NOT_AUTHENTICATED, Throttle
from tests.conftest import DEFAULT_TENANCY

SECRET = "correct horse"
NOTHING_FOR_CALLBACKS = CallbackSecrets([])


class CountingVault(vault.Vault):
    """Counts what it opens."""

    opened = 0

    def open(self, sealed: str) -> str:
        self.opened += 1
        return super().open(sealed)


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "keys"
    vault.add_key(path)
    return path


def test_what_is_sealed_shows_nothing_and_opens_again(key_file):
    one = vault.Vault(vault.keys_in(key_file))
    sealed = one.seal(SECRET)
    assert SECRET not in sealed
    assert one.seal(SECRET) != sealed
    assert vault.Vault(vault.keys_in(key_file)).open(sealed) == SECRET


def test_whoever_signs_in_by_digest_costs_one_unsealing_whether_he_exists_or_not(key_file, write, whole_database):
    keys = CountingVault([key_file.read_text().strip()])
    write(lambda tx: people.set_password(tx, "ana", "a hash", keys.seal(SECRET)))
    write(lambda tx: people.set_password(tx, "ben", "a hash", keys.seal(SECRET)))
    write(lambda tx: people.set_enabled(tx, "ben", False))
    digests = DigestSignIn(whole_database, vault=keys, throttle=Throttle())
    once = SingleUse(b"nonce", None, "")
    for name in ("ana", "ben", "carl", "nobody"):
        keys.opened = 0
        claimed = Claim(tenancy=DEFAULT_TENANCY, name=name)
        with pytest.raises(NotAuthenticated, match=NOT_AUTHENTICATED):
            asyncio.run(digests.caller(claimed, PasswordDigest(name, b"wrong", once), address=""))
        assert keys.opened == 1


def test_the_secrets_of_all_tenancies_are_sealed_anew(key_file, write, database, whole_database):
    acme = InTenancy(whole_database, write(lambda tx: tenancies.add_tenancy(tx, "acme")).id)
    old = vault.Vault(vault.keys_in(key_file))
    acme.write(lambda tx: people.add_person(tx, name="eve", guid=None, password_hash="x", sealed=old.seal(SECRET)))
    for side in (acme, database):
        side.write(lambda tx: keys_of_tokens.signing_key(tx, old)).result(10)
    vault.add_key(key_file)
    newer = vault.Vault(vault.keys_in(key_file))
    assert whole_database.write(lambda tx: sealing.reseal(tx, newer, NOTHING_FOR_CALLBACKS)).result(10) == 3
    newest = vault.Vault([key_file.read_text().splitlines()[0]])
    (sealed,) = acme.read(recoverable_secrets.every).result(10)
    assert newest.open(sealed[1]) == SECRET
    for side in (acme, database):
        assert side.write(lambda tx: keys_of_tokens.signing_key(tx, newest)).result(10)


def test_a_file_of_keys_is_for_its_owner_alone(key_file):
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert vault.add_key(key_file) == 2
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


def test_a_new_key_seals_and_an_old_one_still_opens_until_it_is_taken_out(key_file):
    sealed = vault.Vault(vault.keys_in(key_file)).seal(SECRET)
    vault.add_key(key_file)
    newer = vault.Vault(vault.keys_in(key_file))
    assert newer.open(sealed) == SECRET
    key_file.write_text(f"# the newest\n{key_file.read_text().splitlines()[0]}\n\n")
    only_new = vault.Vault(vault.keys_in(key_file))
    assert only_new.open(newer.seal(SECRET)) == SECRET
    with pytest.raises(StorageUnavailable):
        only_new.open(sealed)


def test_all_that_is_sealed_can_be_sealed_anew_before_an_old_key_goes(key_file, write):
    old = vault.Vault(vault.keys_in(key_file))
    write(lambda tx: people.set_password(tx, "ana", "hash", old.seal(SECRET)))
    kid = write(lambda tx: keys_of_tokens.rotate(tx, old))
    vault.add_key(key_file)
    assert write(lambda tx: sealing.reseal(tx, vault.Vault(vault.keys_in(key_file)), NOTHING_FOR_CALLBACKS)) == 2

    key_file.write_text(key_file.read_text().splitlines()[0])
    only_new = vault.Vault(vault.keys_in(key_file))
    _, sealed = write(lambda tx: recoverable_secrets.find(tx, "ana"))
    assert only_new.open(sealed) == SECRET
    assert write(lambda tx: keys_of_tokens.signing_key(tx, only_new))[0] == kid


def test_private_keys_are_sealed_where_there_is_a_vault(key_file, write):
    write(lambda tx: keys_of_tokens.rotate(tx, vault.Vault(vault.keys_in(key_file))))
    assert "PRIVATE" not in write(token_keys.signing).private_key
    with pytest.raises(StorageUnavailable, match="secret_key_file"):
        write(lambda tx: keys_of_tokens.signing_key(tx, None))


def test_a_replaced_key_keeps_only_its_public_half(write):
    first = write(lambda tx: keys_of_tokens.rotate(tx, None))
    write(lambda tx: keys_of_tokens.rotate(tx, None))
    stored = write(lambda tx: token_keys.find(tx, first))
    assert stored.private_key is None
    assert stored.verifies_until is not None


def test_a_new_password_takes_the_old_sealed_one_away(key_file, write):
    one = vault.Vault(vault.keys_in(key_file))
    write(lambda tx: people.set_password(tx, "ana", "hash", one.seal(SECRET)))
    write(lambda tx: people.set_password(tx, "ana", "other hash"))
    assert write(lambda tx: recoverable_secrets.find(tx, "ana")) is None


@pytest.mark.parametrize("content", ["", "# nothing\n", "no key\n", "é"])
def test_a_file_that_holds_no_keys_is_a_sentence(tmp_path, content):
    path = tmp_path / "keys"
    path.write_text(content)
    with pytest.raises(StorageUnavailable, match="secret key file"):
        vault.Vault(vault.keys_in(path))


def test_a_file_that_is_missing_is_a_sentence(tmp_path):
    with pytest.raises(StorageUnavailable, match="cannot be read"):
        vault.Vault(vault.keys_in(tmp_path / "nothing"))
