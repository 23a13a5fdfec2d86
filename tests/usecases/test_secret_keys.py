"""Which keys seal what: those that are named, and on SQLite one beside the database for what callbacks have."""

import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from soapsvc import secret_keys
from soapsvc.domain.errors import InvalidCallback, StorageUnavailable
from soapsvc.domain.version_session import Callback, OperationKind
from soapsvc.settings import Settings
from soapsvc.storage import deliveries, operations, token_keys
from soapsvc.usecases import sealing, vault
from soapsvc.usecases import token_keys as keys_of_tokens
from soapsvc.usecases.callback_targets import CallbackSecrets
from tests.support.versions import Versions

OLD, NEW = "NIOke36EkzplWPaOFg4RvNC-jcxKRyLl_4zUYIOlPX0=", "dK7S8U8qAvjrjpus4I2cN_5P5vJVQ7l608MxsQgJCoo="
SECRET = "whsec_0123456789"


def on_sqlite(folder, **values):
    return Settings(database=f"sqlite:///{folder}/soapsvc.db", **values)


def on_postgresql(**values):
    return Settings(database="postgresql://somewhere/soapsvc", **values)


def test_a_key_is_made_once_beside_the_database_for_its_owner_alone(tmp_path):
    sealed = secret_keys.callback_secrets(on_sqlite(tmp_path)).seal(SECRET)
    (file,) = tmp_path.iterdir()
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == ("soapsvc.db.keys", 0o600)
    before = file.read_bytes()
    assert secret_keys.callback_secrets(on_sqlite(tmp_path)).open(sealed) == SECRET
    assert file.read_bytes() == before


def test_processes_that_begin_together_have_one_key(tmp_path):
    """Each finds no file when it begins to make one."""
    together = threading.Barrier(4)

    class Folder(type(tmp_path)):
        def exists(self, **options):
            found = super().exists(**options)
            together.wait(10)
            return found

    def make(_):
        vault.make_keys(Folder(tmp_path / "keys"))
        return vault.keys_in(tmp_path / "keys")

    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(make, range(4)))
    assert len({key for (key,) in made}) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_no_key_is_made_where_one_is_named_and_none_for_passwords(tmp_path):
    secret_keys.callback_secrets(on_sqlite(tmp_path, secret_keys=OLD))
    secret_keys.callback_secrets(on_sqlite(tmp_path), makes_keys=False)
    assert list(tmp_path.iterdir()) == []
    secret_keys.callback_secrets(on_sqlite(tmp_path))
    assert secret_keys.named_vault(on_sqlite(tmp_path)) is None


def test_the_first_named_key_seals_and_all_open_those_of_the_file_after_those_of_the_setting(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"{OLD}\n")
    sealed = secret_keys.named_vault(on_sqlite(tmp_path, secret_key_file=str(file))).seal(SECRET)
    both = secret_keys.named_vault(on_sqlite(tmp_path, secret_keys=f" {NEW} ", secret_key_file=str(file)))
    assert both.open(sealed) == SECRET
    only_new = secret_keys.named_vault(on_sqlite(tmp_path, secret_keys=NEW))
    assert only_new.open(both.seal(SECRET)) == SECRET
    with pytest.raises(StorageUnavailable):
        only_new.open(sealed)


def test_what_the_key_beside_the_database_has_sealed_is_opened_once_keys_are_named_too(tmp_path):
    sealed = secret_keys.callback_secrets(on_sqlite(tmp_path)).seal(SECRET)
    named = secret_keys.callback_secrets(on_sqlite(tmp_path, secret_keys=NEW))
    assert named.open(sealed) == SECRET
    assert CallbackSecrets([NEW]).open(named.seal(SECRET)) == SECRET


def test_on_postgresql_a_secret_demands_keys_that_are_named_and_a_url_alone_does_not():
    without = secret_keys.callback_secrets(on_postgresql())
    assert not without.has_keys
    assert without.fingerprint("https://example.org/", None)
    with pytest.raises(InvalidCallback, match="secret_keys"):
        without.seal(SECRET)
    named = secret_keys.callback_secrets(on_postgresql(secret_keys=OLD))
    assert named.open(named.seal(SECRET)) == SECRET
    with pytest.raises(StorageUnavailable, match="secret_keys"):
        without.open(named.seal(SECRET))


def test_a_file_beside_the_database_that_holds_no_keys_is_a_sentence(tmp_path):
    (tmp_path / "soapsvc.db.keys").write_text("no key\n")
    with pytest.raises(StorageUnavailable, match=r"soapsvc\.db\.keys"):
        secret_keys.callback_secrets(on_sqlite(tmp_path))


def test_secrets_of_operations_and_deliveries_are_sealed_anew_and_what_nobody_named_keys_for_is_left(
    database, cast, write, opened
):
    old, new = CallbackSecrets([OLD]), CallbackSecrets([NEW, OLD])
    target = Callback(url="https://example.org/", sealed_secret=old.seal(SECRET), fingerprint="")
    ana = Versions(database, cast.caller("ana"))
    request = ana.request(OperationKind.COMPLETE, callback=target)
    ana.accept(ana.open(), request)
    number = write(
        lambda tx: deliveries.add(
            tx, work_item_id=opened.id, version_guid="v", webhook_id="msg_1", target=target, body=b"{}"
        )
    )
    write(lambda tx: keys_of_tokens.rotate(tx, None))
    plain = write(token_keys.signing).private_key

    assert write(lambda tx: sealing.reseal(tx, None, new)) == 2

    only_new = CallbackSecrets([NEW])
    assert only_new.open(write(lambda tx: operations.find(tx, request.id)).callback.sealed_secret) == SECRET
    assert only_new.open(write(lambda tx: deliveries.find(tx, number)).sealed_secret) == SECRET
    assert write(token_keys.signing).private_key == plain
