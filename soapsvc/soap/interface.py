"""All operations of the SOAP door: the one place where a new service is added."""

from soapsvc.soap.audit_operations import AuditService
from soapsvc.soap.entity_resolver_operations import EntityResolverService
from soapsvc.soap.operations import declared_by
from soapsvc.soap.work_item_history_operations import WorkItemHistoryService
from soapsvc.soap.work_item_management_operations import WorkItemManagementService
from soapsvc.soap.work_item_scheduler_operations import WorkItemSchedulerService
from soapsvc.soap.work_list_change_operations import WorkListChangeService
from soapsvc.soap.work_list_operations import WorkListService

OPERATIONS = declared_by(
    (
        WorkItemManagementService,
        WorkListService,
        WorkItemSchedulerService,
        EntityResolverService,
        WorkItemHistoryService,
        AuditService,
        WorkListChangeService,
    )
)
"""Every operation, by the name of its request element."""

SERVICES = frozenset(operation.service for operation in OPERATIONS.values())
"""The names of the services, as they stand in their addresses."""
