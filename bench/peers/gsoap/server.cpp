// A work-item service on gSOAP and SQLite: server DATABASE PORT.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include <sqlite3.h>

#include "WorkItemManagementService.nsmap"
#include "soapH.h"

namespace {

class Connection {
 public:
  explicit Connection(const char *path) {
    // Each connection is used by one thread at a time, so SQLite need not lock it.
    check(sqlite3_open_v2(path, &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr));
    // First of all: even to set a pragma, a connection may have to wait for others.
    check(sqlite3_busy_timeout(handle_, 30000));
    check(sqlite3_exec(handle_, "PRAGMA synchronous = FULL", nullptr, nullptr, nullptr));
  }
  ~Connection() { sqlite3_close(handle_); }
  Connection(const Connection &) = delete;
  Connection &operator=(const Connection &) = delete;

  sqlite3 *handle() const { return handle_; }

  sqlite3_stmt *prepare(const char *text) {
    sqlite3_stmt *statement = nullptr;
    check(sqlite3_prepare_v3(handle_, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
    return statement;
  }

 private:
  void check(int outcome) const {
    if (outcome == SQLITE_OK) return;
    std::fprintf(stderr, "SQLite: %s\n", sqlite3_errmsg(handle_));
    std::exit(1);
  }

  sqlite3 *handle_ = nullptr;
};

// All threads write on one connection, in turns. (With a connection for each, one finds its cached pages outdated
// after every commit of another.)
class Writer {
 public:
  explicit Writer(const char *path) : connection_(path) {
    statement_ = connection_.prepare(
        "UPDATE work_item SET version = version + 1, state = ?1 WHERE id = ?2 AND version = ?3 AND state = ?4");
  }

  // Gives how many rows changed, or -1 if the database failed. The statement is a transaction of its own: when the
  // step is done, it is committed and on disk.
  int move(LONG64 id, LONG64 version, const char *from, const char *to) {
    const std::lock_guard<std::mutex> turn(turn_);
    sqlite3_bind_text(statement_, 1, to, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement_, 2, id);
    sqlite3_bind_int64(statement_, 3, version);
    sqlite3_bind_text(statement_, 4, from, -1, SQLITE_STATIC);
    const bool done = sqlite3_step(statement_) == SQLITE_DONE;
    const int changed = sqlite3_changes(connection_.handle());
    // A commit that fails is told by the reset at the latest.
    return sqlite3_reset(statement_) == SQLITE_OK && done ? changed : -1;
  }

 private:
  std::mutex turn_;
  Connection connection_;
  sqlite3_stmt *statement_;
};

// Each thread reads on a connection of its own, so that no read waits for a commit.
class Reader {
 public:
  explicit Reader(const char *path) : connection_(path) {
    statement_ = connection_.prepare("SELECT version, state, name FROM work_item WHERE id = ?1");
  }
  ~Reader() { sqlite3_finalize(statement_); }
  Reader(const Reader &) = delete;
  Reader &operator=(const Reader &) = delete;

  bool read(struct soap *soap, LONG64 id, api__WorkItemHeader &header) {
    sqlite3_bind_int64(statement_, 1, id);
    const bool found = sqlite3_step(statement_) == SQLITE_ROW;
    if (found) {
      header.id = id;
      header.version = sqlite3_column_int64(statement_, 0);
      header.state = text(soap, 1);
      header.name = text(soap, 2);
    }
    sqlite3_reset(statement_);
    return found;
  }

 private:
  char *text(struct soap *soap, int column) {
    return soap_strdup(soap, reinterpret_cast<const char *>(sqlite3_column_text(statement_, column)));
  }

  Connection connection_;
  sqlite3_stmt *statement_;
};

Writer *writer;

int move(struct soap *soap, api__ManagedObjectID &item, const char *from, const char *to) {
  if (item.version == nullptr) return soap_sender_fault(soap, "the version is missing", nullptr);
  const int changed = writer->move(item.id, *item.version, from, to);
  if (changed < 0) return soap_receiver_fault(soap, "the database failed", nullptr);
  if (changed == 0) return soap_sender_fault(soap, "not that version, or not that state", nullptr);
  ++*item.version;
  return SOAP_OK;
}

// Answers the requests of one connection until the client closes it.
void serve(struct soap *soap, const char *path) {
  Reader reader(path);
  soap->user = &reader;
  soap_serve(soap);
  soap_destroy(soap);
  soap_end(soap);
  soap_free(soap);
}

}  // namespace

int api__allocateAndOpenWorkItem(struct soap *soap, api__ManagedObjectID item, char *,
                                 api__allocateAndOpenWorkItemResponse &response) {
  const int outcome = move(soap, item, "OFFERED", "OPENED");
  response.workItem.id = item;
  return outcome;
}

int api__closeWorkItem(struct soap *soap, api__ManagedObjectID item, api__closeWorkItemResponse &response) {
  const int outcome = move(soap, item, "OPENED", "OFFERED");
  response.workItemID = item;
  return outcome;
}

int api__getWorkItemHeader(struct soap *soap, api__ManagedObjectID item, api__getWorkItemHeaderResponse &response) {
  api__WorkItemHeader &header = response.workItemHeader;
  if (!static_cast<Reader *>(soap->user)->read(soap, item.id, header))
    return soap_sender_fault(soap, "no such work item", nullptr);
  if (item.version != nullptr && *item.version != header.version)
    return soap_sender_fault(soap, "not that version", nullptr);
  return SOAP_OK;
}

int main(int count, char **arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: server DATABASE PORT\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const char *path = arguments[1];
  writer = new Writer(path);
  struct soap *listening = soap_new1(SOAP_IO_KEEPALIVE | SOAP_C_UTFSTRING);
  listening->bind_flags = SO_REUSEADDR;
  listening->max_keep_alive = 0;  // no limit to the requests on a connection
  if (!soap_valid_socket(soap_bind(listening, "127.0.0.1", std::atoi(arguments[2]), 1024))) {
    soap_print_fault(listening, stderr);
    return 1;
  }
  for (;;) {
    if (soap_valid_socket(soap_accept(listening))) std::thread(serve, soap_copy(listening), path).detach();
  }
}
