"""WorkListService: what people see of their work lists."""

from typing import Any

from spyne.model.primitive import Boolean, Unicode
from spyne.service import Service

from soapsvc.soap import conversions as convert
from soapsvc.soap import faults, types
from soapsvc.soap.operations import Call, operation
from soapsvc.usecases import lists


class WorkListService(Service):
    """Lists of work."""

    @operation(
        types.one(types.XmlModelEntityId),
        types.several(types.ManagedObjectID),
        types.many(Unicode),
        types.optional(Boolean),
        result=("workItemPreview", types.several(types.WorkItemPreview)),
        faults=(
            faults.InvalidVersionFault,
            faults.InvalidWorkItemFault,
            faults.InvalidEntityFault,
            faults.InternalServiceFault,
            faults.SecurityFault,
        ),
        writes=False,
    )
    def previewWorkItemFromList(
        call: Call,
        entityID: Any,
        workItemID: Any,
        requiredField: Any,
        requireWorkType: Any,
    ) -> Any:
        """Look at items without opening them."""
        names = [name or "" for name in requiredField or ()]
        previews = lists.preview_items(
            call.tx, call.caller, entityID.guid.strip(), convert.item_references(workItemID), names
        )
        return [convert.work_item_preview(preview, with_work_type=bool(requireWorkType)) for preview in previews]
