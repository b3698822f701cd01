#pragma once
// Takes away what nobody can reach any more. Every replica may run it: each step can be repeated.
// Called on the I/O thread, from a background loop.

#include <functional>
#include <string>

#include "files/session_files.h"
#include "store/key_value_store.h"
#include "store/object_store.h"

namespace ci::files {

struct CleanupSettings {
  bool orphans = false;  // also bodies without a record, once they are an hour old
};

class Cleanup {
 public:
  Cleanup(
      store::KeyValueStore& records, store::ObjectStore& bodies, SessionFiles& files, const CleanupSettings& settings)
      : records_(records), bodies_(bodies), files_(files), settings_(settings) {}

  // Called for each session that goes, for what others keep of it. Before the first sweep.
  void on_removal(std::function<awaitable<void>(std::string session)> also) { also_ = std::move(also); }

  // Sessions that have expired or whose record is gone: their files, their places in sets. Returns how many.
  awaitable<int> sweep();

 private:
  awaitable<void> remove_session(std::string session, std::string entity);
  awaitable<void> remove_orphans();

  store::KeyValueStore& records_;
  store::ObjectStore& bodies_;
  SessionFiles& files_;
  CleanupSettings settings_;
  std::function<awaitable<void>(std::string)> also_;
};

}  // namespace ci::files
