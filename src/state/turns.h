#pragma once
// Runs of one session that use its Python state take turns, or the one that ends later would undo what the other did.
// Within this process the next one is woken at once; among replicas a lease in the store decides, which a replica that
// died loses after a while. Called on the I/O thread.

#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/async.h"
#include "store/key_value_store.h"

namespace ci::state {

struct TurnSettings {
  bool shared = false;  // other processes use the same store
  std::chrono::milliseconds lease{30000};
  std::chrono::milliseconds renewal{10000};
};

class Turns {
 public:
  Turns(asio::any_io_executor executor, store::KeyValueStore& store, const TurnSettings& settings)
      : store_(store), settings_(settings), renewals_(executor), endings_(std::move(executor)) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

 private:
  struct Session;

 public:
  // Ends when it is dropped.
  class Turn {
   public:
    Turn() = default;
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)), session_(std::move(other.session_)) {}
    Turn& operator=(Turn&& other) noexcept {
      end();
      turns_ = std::exchange(other.turns_, nullptr);
      session_ = std::move(other.session_);
      return *this;
    }
    ~Turn() { end(); }

    // Another replica may have begun, since our lease has ended or was taken: what we have must not replace its work.
    // By our clock, which cannot be trusted by who was not running for a while.
    bool lost() const;
    // Asks the store whether the lease is ours. For the moment before work of others would be replaced.
    awaitable<bool> is_held() const;
    // What must hold for a write that replaces work of others: that the lease is ours at that moment, whatever we knew of it before.
    void add_conditions(std::vector<store::Condition>& conditions) const;

   private:
    friend class Turns;
    Turn(Turns& turns, std::shared_ptr<Session> session) : turns_(&turns), session_(std::move(session)) {}
    void end();

    Turns* turns_ = nullptr;
    std::shared_ptr<Session> session_;  // shared with the table, and with whoever renews or ends the lease
  };

  // First come, first served. Fails as `unavailable` at the deadline. `fresh`: the session was made by this request,
  // and no other replica can come to know it before the turn ends.
  awaitable<Turn> take(std::string session, bool fresh, Deadline deadline);

  // A turn of another kind, for the moment in which a state is looked at and replaced: by a run that has its turn, but
  // also by clients, who wait for no run. A replica that dies in that moment delays the next one by a lease.
  awaitable<Turn> take_to_write(const std::string& session);

  // Waits for leases to be given back, a little. After the last turn, before destruction.
  awaitable<void> stop();

 private:
  struct Waiting {
    explicit Waiting(asio::steady_timer& t) : timer(t) {}
    asio::steady_timer& timer;
    bool admitted = false;
  };
  struct Session {
    Session(std::string name, asio::any_io_executor executor) : id(std::move(name)), renewal(std::move(executor)) {}
    bool has_lost() const { return lost || (!token.empty() && std::chrono::steady_clock::now() >= held_until); }

    std::string id;
    std::list<Waiting*> waiting;
    std::string token;    // of our lease; empty: we have none
    Deadline held_until;  // the store has not ended it before
    bool lost = false;
    asio::steady_timer renewal;
  };

  awaitable<void> wait_here(std::shared_ptr<Session> session, Deadline deadline);
  awaitable<void> take_lease(std::shared_ptr<Session> session, Deadline deadline);
  awaitable<void> renew(std::shared_ptr<Session> session, std::string token);
  awaitable<void> give_back(std::string key, std::string token);
  void leave(std::shared_ptr<Session> session);

  store::KeyValueStore& store_;
  TurnSettings settings_;
  std::map<std::string, std::shared_ptr<Session>> sessions_;  // those in which a turn is taken
  TaskGroup renewals_, endings_;
};

}  // namespace ci::state
