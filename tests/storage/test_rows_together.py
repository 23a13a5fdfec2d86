"""Rows that units of one batch insert go to the server together."""

from hypothesis import given
from hypothesis import strategies as st

from soapsvc.storage.batches import gathered
from soapsvc.storage.statements import RowSql

ONE, ANOTHER = RowSql("INSERT INTO one (a, b) VALUES (%s, now())"), RowSql("INSERT INTO another (a) VALUES (%s)")


@given(st.lists(st.sampled_from([ONE, ANOTHER, "UPDATE one", "UPDATE another"])))
def test_inserts_go_together_before_all_else_by_powers_of_two_and_none_is_lost(what):
    asked = [(sql, [b"%d" % at]) for at, sql in enumerate(what)]
    sent = list(gathered(asked))

    others = [one for one in asked if not isinstance(one[0], RowSql)]
    assert sent[len(sent) - len(others) :] == others
    inserts = sent[: len(sent) - len(others)]
    for row in (ONE, ANOTHER):
        values = [value for sql, (value,) in asked if sql is row]
        of_row = [given for sql, given in inserts if sql in {row.of(size) for size in range(1, len(asked) + 1)}]
        assert [value for given in of_row for value in given] == values
        assert len(of_row) == len(values).bit_count()


def test_an_insert_of_several_rows_has_the_values_of_each():
    assert ONE.of(2) == "INSERT INTO one (a, b) VALUES (%s, now()), (%s, now())"
