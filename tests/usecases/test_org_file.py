"""An organisation's file: a good one becomes what it says, a bad one is refused with the line of its mistake."""

import pytest
from hypothesis import HealthCheck, given, settings

from soapsvc import org_file
from soapsvc.domain.caller import SystemAction
from soapsvc.domain.organisation_model import difference
from soapsvc.org_file import InvalidOrganisationFile
from tests.support.organisations import insurance, organisations

GOOD = """\
organisations:
  - name: Insurance
    guid: GUID-of-Insurance
    units:
      - name: Claims
        guid: GUID-of-Claims
        units:
          - name: Motor
            guid: GUID-of-Motor
            positions:
              - {name: Adjuster, guid: GUID-of-Adjuster, privileges: [Clerk]}
      - {name: Legal, guid: GUID-of-Legal}
groups:
  - name: Experts
    guid: GUID-of-Experts
    groups:
      - {name: Fraud experts, guid: GUID-of-Fraud experts}
capabilities:
  - {name: French, guid: GUID-of-French}
privileges:
  - name: Clerk
    guid: GUID-of-Clerk
    actions:
      - skipWorkItem
      - {action: viewWorkList, scope: Claims}
resources:
  - {name: ana, guid: GUID-of-ana, positions: [Adjuster]}
  - {name: ben, guid: GUID-of-ben, groups: [Fraud experts], capabilities: [French]}
  - {name: carl, guid: GUID-of-carl, units: [Legal]}
  - {name: supervisor, guid: GUID-of-supervisor}
defaults:
  pendWorkItem: denied
  autoOpenNextWorkItem: allowed
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "org.yaml"


def complaint(path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidOrganisationFile) as refused:
        org_file.read(path)
    assert str(path) in str(refused.value)
    return str(refused.value)


def test_a_good_file_becomes_what_it_says(path):
    path.write_text(GOOD)
    said = insurance(
        (SystemAction.SKIP_WORK_ITEM, None),
        (SystemAction.VIEW_WORK_LIST, "Claims"),
        denied=frozenset({SystemAction.PEND_WORK_ITEM}),
    )
    read = org_file.read(path)
    assert set(read.entities) == set(said.entities)
    assert (read.links, read.grants, read.denied) == (said.links, said.grants, said.denied)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(model=organisations())
def test_what_is_written_reads_as_it_was(path, model):
    path.write_text(org_file.write(model) or "{}", encoding="utf-8")
    read = org_file.read(path)
    read.check()
    assert not difference(model, read)


@pytest.mark.parametrize(
    ("wrong", "line", "named"),
    [
        ("- name: Insurance -> - nam: Insurance", 2, "nam"),
        ("- name: Motor -> - name: ''", 8, "name"),
        ("- name: Motor -> - name: Claims", 8, "Claims"),
        ("guid: GUID-of-Motor -> guid: guid-of-claims", 9, "guid-of-claims"),
        ("guid: GUID-of-Motor -> guid: 17", 9, "guid"),
        ("guid: GUID-of-Motor -> guid: a,b", 9, "guid"),
        ("privileges: [Clerk] -> privileges: [Clark]", 11, "Clark"),
        ("privileges: [Clerk] -> privileges: Clerk", 11, "privileges"),
        ("GUID-of-Legal} -> GUID-of-Legal, boss: ana}", 12, "boss"),
        ("- skipWorkItem -> - skipWorkitem", 24, "skipWorkItem"),
        ("scope: Claims} -> scope: Experts}", 25, "Experts"),
        ("scope: Claims} -> scop: Claims}", 25, "scop"),
        ("{action: viewWorkList, -> {action: view,", 25, "action"),
        ("name: ana -> name: 'a:b'", 27, "colon"),
        ("positions: [Adjuster] -> positions: [Claims]", 27, "Claims"),
        ("groups: [Fraud experts] -> groups: [Fraud]", 28, "Fraud"),
        ("capabilities: [French] -> capabilities: [Latin]", 28, "Latin"),
        ("units: [Legal] -> units: [Legal], max_open_items: -1", 29, "max_open_items"),
        ("units: [Legal] -> units: [Legal], password: secret", 29, "password"),
        ("pendWorkItem: denied -> pendWorkItem: no", 32, "defaults"),
        ("pendWorkItem: denied -> viewWorkList: denied", 32, "open to all"),
        ("autoOpenNextWorkItem: allowed -> pendWorkItem: allowed", 33, "twice"),
    ],
)
def test_every_kind_of_mistake_is_named_with_its_line(path, wrong, line, named):
    good, bad = wrong.split(" -> ")
    assert GOOD.count(good) == 1
    told = complaint(path, GOOD.replace(good, bad))
    assert f"line {line}:" in told
    assert named in told
    assert len(told.splitlines()) <= 2


@pytest.mark.parametrize("text", ["", "a text", "[]", "groups:", "groups: {}", "people: []", "a: &a [*a]"])
def test_what_is_no_organisation_is_refused(path, text):
    complaint(path, text)


def test_a_huge_file_is_refused(path):
    assert "5000000 bytes" in complaint(path, "#" * 5_000_001)
