<?php
// The life of a work item, a version fault and a batch, by PHP's SoapClient; prints what it saw as JSON.
[, $address, $password, $first, $second] = $argv;
$ids = [(int) $first, (int) $second];

$client = new SoapClient("$address/amxbpm/WorkItemManagementService?wsdl", [
    "login" => "ana", "password" => $password, "exceptions" => true, "cache_wsdl" => WSDL_CACHE_NONE,
    "features" => SOAP_SINGLE_ELEMENT_ARRAYS,
]);
$seen = [];

$taken = $client->allocateAndOpenWorkItem(["workItemID" => ["id" => $ids[0], "version" => 0], "resource" => "ana"]);
$seen["opened"] = ["version" => $taken->workItem[0]->id->version, "state" => $taken->workItem[0]->state];

$field = ["name" => "Notes", "type" => "String", "simpleSpec" => ["value" => ["by PHP: ä <&>"]]];
$closed = $client->closeWorkItem([
    "workItemID" => ["id" => $ids[0], "version" => 1],
    "workItemPayload" => ["dataModel" => ["inouts" => [$field]]],
]);
$seen["closed"] = $closed->workItemID[0]->version;

$opened = $client->openWorkItem(["workItemID" => [["id" => $ids[0], "version" => 2]]]);
$body = $opened->workItemBody[0];
$seen["reopened"] = ["version" => $body->version, "notes" => $body->dataModel->inouts[0]->simpleSpec->value[0]];

$batch = $client->getWorkItemHeader(["workItemID" => array_map(fn ($id) => ["id" => $id], $ids)]);
$seen["batch"] = array_map(fn ($header) => [$header->id, $header->version], $batch->workItemHeader);

$saved = $client->saveOpenWorkItem([
    "workItemID" => ["id" => $ids[0], "version" => 3],
    "workItemPayload" => ["dataModel" => ["inouts" => [
        ["name" => "Notes", "type" => "String", "simpleSpec" => ["value" => ["saved"]]],
    ]]],
]);
$seen["saved"] = $saved->workItemID->version;

try {
    $client->closeWorkItem(["workItemID" => ["id" => $ids[0], "version" => 1]]);
} catch (SoapFault $fault) {
    // PHP gives the elements of a detail, but not their attributes.
    $seen["fault"] = [
        "text" => $fault->faultstring, "actor" => $fault->faultactor, "kind" => key((array) $fault->detail),
        "parameters" => $fault->detail->InvalidVersionFault->error->parameter,
    ];
}

$client->completeWorkItem(["workItemID" => ["id" => $ids[0], "version" => 4], "workItemPayload" => ["dataModel" => []]]);
$done = $client->getWorkItemHeader(["workItemID" => [["id" => $ids[0]]]])->workItemHeader[0];
$seen["completed"] = [$done->version, $done->state];

echo json_encode($seen, JSON_UNESCAPED_UNICODE), "\n";
