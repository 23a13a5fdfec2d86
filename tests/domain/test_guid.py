"""What is a GUID, and what only looks like one."""

import pytest

from soapsvc.domain.guid import canonical_guid

BARE = "2d9f3d10-6fdb-494f-9929-955515c6f114"


@pytest.mark.parametrize("text", [BARE, BARE.upper(), f"{{{BARE}}}", f"{{{BARE.upper()}}}"])
def test_a_guid_is_read_bare_or_in_braces_and_in_either_case(text):
    assert canonical_guid(text) == BARE


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{{{BARE}",
        f"{BARE}}}",
        f"{{{{{BARE}}}}}",
        f"({BARE})",
        f"urn:uuid:{BARE}",
        BARE.replace("-", ""),
        BARE[:-1],
        f"{BARE}0",
        f"{BARE}\n",
        f" {BARE}",
        BARE.replace("-", "--", 1),
        "2d9f-3d106fdb-494f-9929-955515c6f114",
        BARE.replace("2", "\u0662"),
        f"{{{BARE[:8]}}}{BARE[8:]}",
    ],
)
def test_what_only_looks_like_one_is_none(text):
    assert canonical_guid(text) is None
