// The life of a work item, a version fault and a batch, by node's "soap" package; prints what it saw as JSON.
import soap from "soap";

const [address, password, first, second] = process.argv.slice(2);
const ids = [Number(first), Number(second)];

const client = await soap.createClientAsync(`${address}/amxbpm/WorkItemManagementService?wsdl`);
client.setSecurity(new soap.WSSecurity("ana", password));
const call = async (operation, request) => (await client[`${operation}Async`](request))[0];
const named = (id, version) => ({ attributes: version === undefined ? { id } : { id, version } });
const seen = {};

const taken = await call("allocateAndOpenWorkItem", { workItemID: named(ids[0], 0), resource: "ana" });
seen.opened = { version: taken.workItem[0].id.attributes.version, state: taken.workItem[0].state };

const closed = await call("closeWorkItem", {
  workItemID: named(ids[0], 1),
  workItemPayload: {
    dataModel: {
      inouts: [{ attributes: { name: "Notes", type: "String" }, simpleSpec: { value: ["by node: ä <&>"] } }],
    },
  },
});
seen.closed = closed.workItemID[0].attributes.version;

const opened = await call("openWorkItem", { workItemID: [named(ids[0], 2)] });
const notes = opened.workItemBody[0].dataModel.inouts[0];
seen.reopened = { version: opened.workItemBody[0].attributes.version, notes: notes.simpleSpec.value[0] };

const batch = await call("getWorkItemHeader", { workItemID: ids.map((id) => named(id)) });
seen.batch = batch.workItemHeader.map((header) => [header.attributes.id, header.attributes.version]);

const saved = await call("saveOpenWorkItem", {
  workItemID: named(ids[0], 3),
  workItemPayload: {
    dataModel: { inouts: [{ attributes: { name: "Notes", type: "String" }, simpleSpec: { value: ["saved"] } }] },
  },
});
seen.saved = saved.workItemID.attributes.version;

try {
  await call("closeWorkItem", { workItemID: named(ids[0], 1) });
} catch (error) {
  const fault = error.root.Envelope.Body.Fault;
  const [kind, detail] = Object.entries(fault.detail)[0];
  seen.fault = { text: fault.faultstring, actor: fault.faultactor, kind, parameters: detail.error.parameter };
}

await call("completeWorkItem", { workItemID: named(ids[0], 4), workItemPayload: { dataModel: {} } });
const [done] = (await call("getWorkItemHeader", { workItemID: [named(ids[0])] })).workItemHeader;
seen.completed = [done.attributes.version, done.attributes.state];

console.log(JSON.stringify(seen));
