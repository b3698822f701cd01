#pragma once
// What a run is asked for. Plain values.

#include <chrono>
#include <string>
#include <vector>

#include "base/failure.h"
#include "files/sessions.h"

namespace ci::execution {

struct FileReference {
  std::string id;
  std::string name;
  std::string session;
  bool by_storage_session = false;  // the client said storage_session_id: it knows inherited entries
  std::string kind;
  std::string entity;
};

// A request that passed validation.
struct ExecutionRequest {
  ExecutionRequest() = default;

  std::string language;  // canonical code
  std::string code;
  std::vector<std::string> arguments;
  files::Caller caller;
  std::string queue;  // those who wait take turns by this; files belong to the caller's credential
  std::string session_id;
  std::string session_name;  // the client's own name for a session whose files stay; empty: none
  std::string entity_id;
  std::vector<FileReference> files;
  std::chrono::milliseconds time_limit{30000};
  std::uint64_t memory_limit = 0;  // bytes; 0: as much as the server gives a run
  std::string packages;            // a set that the pool has; empty: none
  bool calls = false;              // the program may call whoever reads the run's events, and wait for answers
};

// A request names a file of another credential. Only with strict ownership.
class UnauthorizedReference final : public Failure {
 public:
  UnauthorizedReference() : Failure(FailureKind::not_found, "Unauthorized file reference") {}
};

}  // namespace ci::execution
