// A work-item service on node-soap and better-sqlite3: node server.js WSDL DATABASE PORT.
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const Database = require('better-sqlite3');
const soap = require('soap');

const [wsdlPath, databasePath, port] = process.argv.slice(2);

const database = new Database(databasePath, { timeout: 30000 });
database.pragma('synchronous = FULL');
const update = database.prepare(
  'UPDATE work_item SET version = version + 1, state = ? WHERE id = ? AND version = ? AND state = ?',
);
const select = database.prepare('SELECT version, state, name FROM work_item WHERE id = ?');

function fault(text) {
  return { Fault: { faultcode: 'soap:Client', faultstring: text, statusCode: 500 } };
}

// The statement is a transaction of its own: when run() returns, it is committed and on disk.
function move(request, from, to) {
  const { id, version } = request.workItemID.attributes;
  if (update.run(to, Number(id), Number(version), from).changes === 0) {
    throw fault('not that version, or not that state');
  }
  return { attributes: { id, version: Number(version) + 1 } };
}

const operations = {
  allocateAndOpenWorkItem: (request) => ({ workItem: { id: move(request, 'OFFERED', 'OPENED') } }),
  closeWorkItem: (request) => ({ workItemID: move(request, 'OPENED', 'OFFERED') }),
  getWorkItemHeader: (request) => {
    const { id, version } = request.workItemID.attributes;
    const row = select.get(Number(id));
    if (row === undefined) throw fault('no such work item');
    if (version !== undefined && Number(version) !== row.version) throw fault('not that version');
    return { workItemHeader: { attributes: { id, version: row.version, state: row.state }, name: row.name } };
  },
};

const server = http.createServer((request, response) => response.writeHead(404).end());
server.listen(Number(port), '127.0.0.1');
soap.listen(server, {
  path: '/amxbpm/WorkItemManagementService',
  services: { WorkItemManagementService: { WorkItemManagementPort: operations } },
  xml: fs.readFileSync(wsdlPath, 'utf8'),
  // An answer with its length goes out in one piece: faster than in chunks.
  enableChunkedEncoding: false,
});
