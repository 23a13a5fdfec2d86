"""The events that clients are told by callback, as the bytes that are sent."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

EVENT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "Saved": "workitem.version.saved",
        "SaveFailed": "workitem.version.save_failed",
        "Completed": "workitem.version.completed",
        "CompleteFailed": "workitem.version.complete_failed",
        "PostProcessingFailed": "workitem.version.post_processing_failed",
    }
)
"""By the final status of an operation."""


def version_event(
    *, at: datetime, work_item: str, version_session: str, status: str, status_url: str, version: int
) -> bytes:
    """Give the body of the one event that tells how an operation on a version ended, as JSON in UTF-8.

    `work_item` and `version_session` are GUIDs, `version` is the item's counter. What a client needs first, the status
    and its address, stands at the top too. Raises KeyError for a status that is not a final one.
    """
    event = {
        "type": EVENT_TYPES[status],
        "timestamp": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {
            "workItemId": work_item,
            "versionId": version_session,
            "status": status,
            "statusUrl": status_url,
            "version": version,
        },
        "status": status,
        "statusUrl": status_url,
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
