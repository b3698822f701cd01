#pragma once
// The states of Python sessions: kept at hand in the key-value store for a while, and found in the archive after that.
// A state is bytes (state/wire.h); nothing here reads what is in them. Called on the I/O thread.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/unique_fd.h"
#include "state/archive.h"
#include "state/recent.h"
#include "state/record.h"
#include "state/settings.h"
#include "state/turns.h"
#include "store/key_value_store.h"
#include "store/object_store.h"

namespace ci::state {

// What a client learns of a state.
struct Summary {
  Summary() = default;
  Summary(std::uint64_t bytes, std::string sha256) : size(bytes), hash(std::move(sha256)) {}
  std::uint64_t size = 0;
  std::string hash;
};

struct Info {
  Info() = default;
  Record record;
  bool archived = false;  // only in the archive
  std::optional<std::chrono::system_clock::time_point> expires;
};

class States {
 public:
  // Large states are copied and hashed on `blocking`. Whoever replaces a state has the turn to write of `turns`.
  States(
      store::KeyValueStore& records, store::ObjectStore& bodies, asio::thread_pool& blocking, Turns& turns,
      const StateSettings& settings)
      : records_(records),
        bodies_(bodies),
        blocking_(blocking),
        turns_(turns),
        settings_(settings),
        archive_(records, bodies, blocking, settings_),
        recent_(settings.memory, settings.memory_entries) {}
  States(const States&) = delete;
  States& operator=(const States&) = delete;

  const StateSettings& settings() const { return settings_; }

  // States that a sandbox could not read.
  void count_unusable() { ++unusable_; }
  std::uint64_t unusable() const { return unusable_; }

  // The state of a session, at hand or brought back from the archive. `made`: when the session began, if that is known;
  // the archive has nothing of a young one.
  awaitable<std::optional<Record>> find(
      std::string session, std::optional<std::chrono::system_clock::time_point> made = {});
  // Its bytes in a sealed memory file; nothing when they are gone. Between a look at the record and one at the bytes
  // others may have replaced both, and a crash may have left the record of one state beside the bytes of another. What
  // counts is the bytes: `record` says in the end what belongs to those that are returned.
  awaitable<UniqueFd> open(std::string session, Record& record);
  // The same for reading, from wherever they are.
  awaitable<std::optional<store::OpenObject>> read(std::string session, Record& record);
  // Writes that give it its full life again. Empty when it was saved a moment ago.
  awaitable<std::vector<store::Write>> touch(std::string session, const Record& record);

  // Takes what a run left in `file` (state/memory.h), of which the sandbox says `note`. `prior` was on record when the
  // run began, and `read` says that it began with it. What the session's state is now, if this run has made or
  // confirmed it; nothing when it had none to save, it was too large, a client has uploaded one meanwhile, or `turn`
  // was lost.
  awaitable<std::optional<Summary>> settle(
      std::string session, const Turns::Turn& turn, std::optional<Record> prior, bool read, UniqueFd file,
      std::string note);

  // Replaces the state; `with` is written in the same step. The bytes have been checked.
  awaitable<void> upload(std::string session, std::string bytes, std::vector<store::Write> with);
  awaitable<Info> info(std::string session);  // an empty hash: there is none
  // Also from the archive. What is not there is fine.
  awaitable<void> remove(std::string session);
  // Only what is at hand: of a session that has ended. The caller has the turn to write.
  awaitable<void> forget(std::string session, const Turns::Turn& writing);

  // Moves on with archiving; see Archive::round().
  awaitable<int> archive_some() { return archive_.round(); }

 private:
  // A state whose bytes are where they are to be, or ready to go there with the record that names them.
  struct Ready {
    Ready(Record about, std::string text, UniqueFd bytes)
        : record(std::move(about)), data(std::move(text)), file(std::move(bytes)) {}
    Record record;
    std::string data;
    UniqueFd file;
  };

  awaitable<std::optional<Record>> find_at_hand(std::string session);
  awaitable<std::optional<Record>> bring_back(std::string session);
  awaitable<Ready> make_ready(std::string session, Record record, UniqueFd file);
  // These need the turn to write.
  // False, and nothing has changed, when one of the turns has been lost.
  awaitable<bool> replace(
      std::string session, Ready ready, std::vector<store::Write> with, std::vector<store::Condition> turns);
  awaitable<bool> may_replace(
      std::string session, const Turns::Turn& turn, std::optional<Record> prior, std::optional<Record> current);
  // The same; `old` becomes what was there.
  awaitable<bool> clear(std::string session, std::vector<store::Condition> turns, std::optional<Record>& old);

  awaitable<void> discard(std::optional<Record> old);
  awaitable<std::optional<Summary>> confirm(std::string session, Record prior);
  awaitable<UniqueFd> fetch(std::string session, Record record);
  awaitable<UniqueFd> fetch_again(std::string session, Record& record);

  store::KeyValueStore& records_;
  store::ObjectStore& bodies_;
  asio::thread_pool& blocking_;
  Turns& turns_;
  StateSettings settings_;
  Archive archive_;
  std::map<std::string, std::chrono::steady_clock::time_point> not_archived_;  // sessions, and when we looked
  Recent recent_;
  std::uint64_t unusable_ = 0;
};

}  // namespace ci::state
