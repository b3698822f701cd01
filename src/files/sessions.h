#pragma once
// Sessions: who owns them, whether they may be continued. One record per session in the key-value store, laid
// out as the Redis tables of KubeCodeRun name them (sessions:<id>, entity_sessions:<entity>), so that its data
// is found; what we add has names of our own. Called on the I/O thread.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "store/key_value_store.h"

namespace ci::files {

// Who asks. `credential` tells keys apart (access/api_keys.h); `user` is whom the request names, or empty.
struct Caller {
  Caller() = default;
  Caller(std::string key, std::string user_id) : credential(std::move(key)), user(std::move(user_id)) {}
  std::string credential;
  std::string user;
  // What its sessions were marked with by a server that told keys less apart; empty: nothing of that time is its.
  std::string former;
};

struct Session {
  std::string id;
  std::string credential;
  std::string user;
  std::string entity;
  bool shared = false;  // holds agent, skill or read-only uploads: never an execution session of somebody else
  std::string name;     // digest of the name that its owner gave it (Sessions::Named), or empty
  bool active = true;
  std::chrono::system_clock::time_point created;
  std::chrono::system_clock::time_point last_activity;
  std::optional<std::chrono::system_clock::time_point> expires;  // nothing: never
};

struct SessionSettings {
  std::chrono::hours ttl{0};  // 0: no expiry; sliding, extended at most once a minute
};

// Whether it belongs to this caller's credential, whoever its user is.
bool owns(const Caller& caller, const Session& session);
bool has_expired(const Session& session);
bool is_live(const Session& session);  // neither expired nor terminated

class Sessions {
 public:
  Sessions(store::KeyValueStore& store, const SessionSettings& settings) : store_(store), settings_(settings) {}

  // A new active session. The returned value is what create() will store; nothing is written yet, so that the
  // caller can make it durable together with what it holds.
  Session draft(const Caller& caller, std::string entity, bool shared) const;
  std::vector<store::Write> writes_for(const Session& session) const;

  // The session that `caller` means by a name of its own choice (runtime_session_hint): the one that had it before, or a
  // draft that has it from now on. Two who ask at once get the same. Names of different credentials differ, and so do those
  // of different users, and of a user and nobody. A name lives as long as its session.
  struct Named {
    Named() = default;
    Session session;
    std::string digest;  // of the name and whose it is, 40 hex digits
    bool existed = false;
  };
  awaitable<Named> named(std::string name, const Caller& caller, std::string entity);

  // The session with this id, also one that has ended and that nobody has cleared away.
  awaitable<std::optional<Session>> look_up(std::string id);
  // The live, active session with this id. Expired ones are not found.
  awaitable<std::optional<Session>> find(std::string id);
  // The session of this entity with the most recent activity that `caller` may reuse: same credential, same user
  // (both empty counts), not shared. Dead members of the entity's sets are removed on sight.
  awaitable<std::optional<Session>> find_by_entity(std::string entity, const Caller& caller);

  // Writes that refresh last_activity and, once a minute at most, the expiry of the session and of its name. Empty when it
  // is too early.
  std::vector<store::Write> touch(Session& session) const;

 private:
  awaitable<std::optional<Session>> named_formerly(const std::string& name, const Caller& caller);
  awaitable<std::optional<Session>> find_in(std::string entity_set, const Caller& caller);

  store::KeyValueStore& store_;
  SessionSettings settings_;
};

}  // namespace ci::files
