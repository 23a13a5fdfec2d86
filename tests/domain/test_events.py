"""The body of an event: what is documented, as bytes that are always the same."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from soapsvc.domain.events import EVENT_TYPES, version_event

AT = datetime(2026, 11, 22, 12, 0, 0, 123_456, tzinfo=UTC)
EVENT = {
    "at": AT,
    "work_item": "5e8f3c44-0000-4000-8000-000000000001",
    "version_session": "5e8f3c44-0000-4000-8000-000000000002",
    "status": "Saved",
    "status_url": "https://acme.example/HdaApi/rest/v2.0/WorkItems/1/Versions/2/Status",
    "version": 7,
}


def test_an_event_tells_what_happened_to_which_version_and_the_status_at_its_top():
    assert json.loads(version_event(**EVENT)) == {
        "type": "workitem.version.saved",
        "timestamp": "2026-11-22T12:00:00.123Z",
        "data": {
            "workItemId": EVENT["work_item"],
            "versionId": EVENT["version_session"],
            "status": "Saved",
            "statusUrl": EVENT["status_url"],
            "version": 7,
        },
        "status": "Saved",
        "statusUrl": EVENT["status_url"],
    }


@pytest.mark.parametrize(
    ("status", "type_"),
    [
        ("Saved", "workitem.version.saved"),
        ("SaveFailed", "workitem.version.save_failed"),
        ("Completed", "workitem.version.completed"),
        ("CompleteFailed", "workitem.version.complete_failed"),
        ("PostProcessingFailed", "workitem.version.post_processing_failed"),
    ],
)
def test_each_final_status_has_a_type_of_its_own(status, type_):
    event = json.loads(version_event(**EVENT | {"status": status}))
    assert (event["type"], event["status"], event["data"]["status"]) == (type_, status, status)


def test_a_status_that_is_not_final_is_no_event():
    assert len(set(EVENT_TYPES.values())) == len(EVENT_TYPES) == 5
    for status in ("Saving", "Completing", "Post Processing", "In Progress", ""):
        with pytest.raises(KeyError):
            version_event(**EVENT | {"status": status})


def test_a_moment_is_told_in_utc_wherever_it_was_noted():
    there = AT.astimezone(timezone(timedelta(hours=-7)))
    assert version_event(**EVENT | {"at": there}) == version_event(**EVENT)


def test_the_same_event_is_the_same_bytes_in_utf_8():
    url = EVENT["status_url"] + "?für"
    assert version_event(**EVENT | {"status_url": url}) == version_event(**EVENT | {"status_url": url})
    assert "?für".encode() in version_event(**EVENT | {"status_url": url})
