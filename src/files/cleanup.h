#pragma once
// Takes away what nobody can reach any more. Every replica may run it: each step can be repeated.
// Called on the I/O thread, from a background loop.

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "files/session_files.h"
#include "store/key_value_store.h"
#include "store/object_store.h"

namespace ci::files {

struct CleanupSettings {
  bool orphans = false;  // also bodies without a record, wherever they are
  // One younger than this may belong to an upload whose record is about to be written.
  std::chrono::seconds youngest_orphan = std::chrono::hours(1);
  std::chrono::milliseconds ttl{0};    // of sessions that are made meanwhile; 0: they do not expire
  std::chrono::milliseconds pause{0};  // between two pages of sessions, for others who use the store
};

class Cleanup {
 public:
  Cleanup(
      store::KeyValueStore& records, store::ObjectStore& bodies, SessionFiles& files, const CleanupSettings& settings)
      : records_(records), bodies_(bodies), files_(files), settings_(settings) {}

  // Whoever brings a session back to life does so in its turn to write (state/turns.h). `in_turn` runs `work` in that turn; `also`, within
  // it, takes away what others keep of a session that goes. Before the first sweep.
  using Work = std::function<awaitable<void>()>;
  void run_in_turn(std::function<awaitable<void>(std::string session, Work work)> in_turn) {
    in_turn_ = std::move(in_turn);
  }
  void on_removal(std::function<awaitable<void>(std::string session)> also) { also_ = std::move(also); }

  // Sessions that have expired or whose record is gone: their files, their names, their places in sets. Returns how many.
  // One that cannot be removed now waits for the next sweep; the log says so.
  awaitable<int> sweep();

  // The same, for a loop that every replica runs: one of them sweeps in each `interval`, and only when something may have expired
  // since the last time, once a day at least. Returns how many sessions went.
  awaitable<int> sweep_if_due(std::chrono::milliseconds interval);

 private:
  using Time = std::chrono::system_clock::time_point;
  // False when it is in use after all.
  awaitable<bool> remove_session(std::string session);
  // The records of a session that is in use by nobody; false when it is, or was brought back.
  awaitable<bool> end_session(std::string session);
  // Below `prefix`, what is on record nowhere and not just arriving.
  awaitable<void> remove_orphans(std::string prefix);

  store::KeyValueStore& records_;
  store::ObjectStore& bodies_;
  SessionFiles& files_;
  CleanupSettings settings_;
  std::function<awaitable<void>(std::string, Work)> in_turn_;
  std::function<awaitable<void>(std::string)> also_;
  bool swept_ = false;               // since this process began
  bool left_over_ = false;           // the last sweep could not do all of it
  std::optional<Time> next_expiry_;  // the first of those that the last sweep left
};

}  // namespace ci::files
