#include "execution/resolve.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "base/ids.h"
#include "base/parallel.h"

namespace ci::execution {

namespace {

// Current clients send no user with a run, so that must pass; ids cannot be guessed. Who names a user does not enter a session
// without an owner, and nobody becomes its owner: the next user would find there what the first one left.
bool users_agree(const files::Session& session, const files::Caller& caller) {
  return caller.user.empty() || session.user == caller.user;
}

// Ended ones are known as well, as long as their files can be found.
using Known = std::map<std::string, files::Session>;

awaitable<Known> look_up(files::Sessions& sessions, std::vector<std::string> ids) {
  Known known;
  std::function<awaitable<void>(std::size_t)> one = [&](std::size_t i) -> awaitable<void> {
    if (auto session = co_await sessions.look_up(ids[i])) known.emplace(ids[i], std::move(*session));
  };
  co_await for_each_index(ids.size(), one);
  co_return known;
}

std::vector<std::string> sessions_of(const std::vector<FileReference>& references) {
  std::set<std::string> ids;
  for (const FileReference& reference : references) {
    if (is_plausible_id(reference.session)) ids.insert(reference.session);
  }
  return {ids.begin(), ids.end()};
}

}  // namespace

bool may_continue(const files::Session& session, const files::Caller& caller, bool strict) {
  if (strict && !files::owns(caller, session)) return false;
  // A session of shared files is one person's workplace only for who made it.
  if (session.shared && (session.user.empty() || session.user != caller.user)) return false;
  return session.active && users_agree(session, caller);
}

bool may_join(const files::Session& session, const files::Caller& caller) {
  return session.active && files::owns(caller, session) && !session.shared && users_agree(session, caller);
}

awaitable<Resolution> resolve_session(files::Sessions& sessions, const ExecutionRequest& request, bool strict) {
  Resolution resolution;
  const files::Caller& caller = request.caller;
  bool decided = false;
  const auto decide = [&](files::Session session) {
    resolution.session = std::move(session);
    resolution.continued = true;
    decided = true;
  };

  if (is_plausible_id(request.session_id)) {
    auto named = co_await sessions.find(request.session_id);
    if (named && may_continue(*named, caller, strict)) decide(std::move(*named));
  }
  if (!decided && !request.session_name.empty()) {
    auto named = co_await sessions.named(request.session_name, caller, request.entity_id);
    resolution.session = std::move(named.session);
    resolution.continued = named.existed;
    resolution.name_digest = std::move(named.digest);
    decided = true;
  }
  std::vector<std::string> ids = sessions_of(request.files);
  Known known = co_await look_up(sessions, std::move(ids));
  for (const FileReference& reference : request.files) {
    const auto found = known.find(reference.session);
    if (found == known.end()) continue;
    if (strict && !files::owns(caller, found->second)) throw UnauthorizedReference();
    if (!decided && files::is_live(found->second) && may_join(found->second, caller)) decide(found->second);
  }
  if (!decided && !request.entity_id.empty()) {
    if (auto of_entity = co_await sessions.find_by_entity(request.entity_id, caller)) decide(std::move(*of_entity));
  }
  if (!decided) resolution.session = sessions.draft(caller, request.entity_id, false);
  for (auto& [id, session] : known) {
    if (id != resolution.session.id && files::is_live(session))
      std::ranges::move(sessions.touch(session), std::back_inserter(resolution.touches));
  }
  co_return resolution;
}

}  // namespace ci::execution
