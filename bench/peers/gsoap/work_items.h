// The three operations as soapcpp2 reads them.
//gsoap api service name: WorkItemManagementService
//gsoap api service style: document
//gsoap api service encoding: literal
//gsoap api service namespace: http://api.brm.n2.tibco.com
//gsoap api schema namespace: http://api.brm.n2.tibco.com
//gsoap api schema elementForm: unqualified

struct api__ManagedObjectID {
  @LONG64 id;
  @LONG64 *version 0;
};

struct api__WorkItem {
  struct api__ManagedObjectID id;
};

struct api__WorkItemHeader {
  @LONG64 id;
  @LONG64 version;
  @char *state;
  char *name;
};

struct api__allocateAndOpenWorkItemResponse {
  struct api__WorkItem workItem;
};

struct api__closeWorkItemResponse {
  struct api__ManagedObjectID workItemID;
};

struct api__getWorkItemHeaderResponse {
  struct api__WorkItemHeader workItemHeader;
};

//gsoap api service method-action: allocateAndOpenWorkItem allocateAndOpenWorkItem
int api__allocateAndOpenWorkItem(struct api__ManagedObjectID workItemID, char *resource,
                                 struct api__allocateAndOpenWorkItemResponse &response);

//gsoap api service method-action: closeWorkItem closeWorkItem
int api__closeWorkItem(struct api__ManagedObjectID workItemID, struct api__closeWorkItemResponse &response);

//gsoap api service method-action: getWorkItemHeader getWorkItemHeader
int api__getWorkItemHeader(struct api__ManagedObjectID workItemID, struct api__getWorkItemHeaderResponse &response);
