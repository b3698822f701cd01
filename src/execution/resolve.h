#pragma once
// Which session a run belongs to.

#include <map>
#include <string>

#include "execution/request.h"
#include "files/session_files.h"

namespace ci::execution {

struct Resolution {
  Resolution() = default;
  files::Session session;
  bool continued = false;             // false: a draft, nothing is stored yet
  std::string name_digest;            // when it was found or made by the client's name for it
  std::vector<store::Write> touches;  // of the sessions whose files are used: they live as long as they are
};

// In this order: the session that the request names by its id, the one it names by a name of its own, that of its first file reference that may be continued, the
// entity's, a new one. An unknown, expired or malformed id is no error. Throws UnauthorizedReference when `strict`
// and a reference names a session of another credential.
awaitable<Resolution> resolve_session(files::Sessions& sessions, const ExecutionRequest& request, bool strict);

// Whether `caller` may run in `session`, which it named itself.
bool may_continue(const files::Session& session, const files::Caller& caller, bool strict);
// The same when it only named a file of it: a file may be known to many.
bool may_join(const files::Session& session, const files::Caller& caller);

}  // namespace ci::execution
