#pragma once
// Takes away what nobody can reach any more. Every replica may run it: each step can be repeated.
// Called on the I/O thread, from a background loop.

#include <chrono>
#include <functional>
#include <string>

#include "files/session_files.h"
#include "store/key_value_store.h"
#include "store/object_store.h"

namespace ci::files {

struct CleanupSettings {
  bool orphans = false;  // also bodies without a record, wherever they are
  // One younger than this may belong to an upload whose record is about to be written.
  std::chrono::seconds youngest_orphan = std::chrono::hours(1);
};

class Cleanup {
 public:
  Cleanup(
      store::KeyValueStore& records, store::ObjectStore& bodies, SessionFiles& files, const CleanupSettings& settings)
      : records_(records), bodies_(bodies), files_(files), settings_(settings) {}

  // Called for each session that goes, for what others keep of it. Before the first sweep.
  void on_removal(std::function<awaitable<void>(std::string session)> also) { also_ = std::move(also); }

  // Sessions that have expired or whose record is gone: their files, their names, their places in sets. Returns how many.
  // One that cannot be removed now waits for the next sweep; the log says so.
  awaitable<int> sweep();

 private:
  // False when it is in use after all.
  awaitable<bool> remove_session(std::string session);
  // Below `prefix`, what is on record nowhere and not just arriving.
  awaitable<void> remove_orphans(std::string prefix);

  store::KeyValueStore& records_;
  store::ObjectStore& bodies_;
  SessionFiles& files_;
  CleanupSettings settings_;
  std::function<awaitable<void>(std::string)> also_;
};

}  // namespace ci::files
