#include "store/redis/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "store/redis/cluster.h"

namespace ci::store::redis {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_pause{20};
constexpr milliseconds longest_pause{1000};
// More in a row, without anything done, and the cluster sends us around in circles.
constexpr int most_redirected_rounds = 16;

// Errors of a server that did nothing and will be able to later, or of one that is not the right one any more.
bool is_passing(const Reply& reply) {
  for (const char* code : {"LOADING", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "BUSY"}) {
    if (reply.is_error(code)) return true;
  }
  return false;
}

// Between half of `pause` and all of it, so that many who lost the same server do not come back at the same time.
milliseconds jittered(milliseconds pause) {
  static thread_local std::minstd_rand random(std::random_device{}());
  return milliseconds(std::uniform_int_distribution<milliseconds::rep>(pause.count() / 2, pause.count())(random));
}

size_t message_count(const Unit& unit) {
  return (unit.asking ? 1 : 0) + (unit.commands.size() > 1 ? unit.commands.size() + 2 : 1);
}

void add_messages(const Unit& unit, std::vector<std::string_view>& messages) {
  static const Command asking({"ASKING"}), multi({"MULTI"}), exec({"EXEC"});
  if (unit.asking) messages.push_back(asking.bytes());
  if (unit.commands.size() > 1) messages.push_back(multi.bytes());
  for (const Command& command : unit.commands) messages.push_back(command.bytes());
  if (unit.commands.size() > 1) messages.push_back(exec.bytes());
}

// What the unit came to. A command that was refused before EXEC says more than EXEC does about it.
Reply take_reply(const Unit& unit, std::span<Reply> replies) {
  if (unit.commands.size() > 1) {
    for (Reply& reply : replies) {
      if (reply.is_error()) return std::move(reply);
    }
  }
  return std::move(replies.back());
}

}  // namespace

// The work of one run(): which units are open, and why.
class Client::Job {
 public:
  Job(Servers& servers, std::vector<Unit> units, Repeat repeat, Order order, milliseconds timeout)
      : servers_(servers),
        units_(std::move(units)),
        repeat_(repeat),
        order_(order),
        timeout_(timeout),
        deadline_(after(timeout)),
        replies_(units_.size()) {
    for (size_t i = 0; i < units_.size(); ++i) open_.push_back(i);
  }

  awaitable<std::vector<Reply>> run() {
    while (!open_.empty()) {
      trouble_.clear();
      try {
        co_await one_round();
      } catch (const ConnectFailure& failure) {
        if (failure.is_lasting()) throw;
        trouble_ = failure.what();
        servers_.doubt();
        forget_detours();
      }
      if (!trouble_.empty()) co_await pause();
    }
    co_return std::move(replies_);
  }

 private:
  // Asks one server for what it holds of the open units.
  awaitable<void> one_round() {
    std::shared_ptr<Pool> pool;
    std::vector<size_t> group;
    for (const size_t i : open_) {
      std::shared_ptr<Pool> holder = units_[i].place;
      if (!holder) holder = co_await servers_.find(units_[i].slot, deadline_);
      if (!pool) pool = holder;
      if (pool == holder) {
        group.push_back(i);
      } else if (order_ == Order::given) {
        break;
      }
    }
    co_await ask(*pool, group);
  }

  awaitable<void> ask(Pool& pool, const std::vector<size_t>& group) {
    Connection::Answer answer;
    try {
      const Pool::Loan connection = co_await pool.borrow(deadline_);
      std::vector<std::string_view> messages;
      for (const size_t i : group) add_messages(units_[i], messages);
      answer = co_await connection->ask(messages, deadline_);
    } catch (const ConnectFailure& failure) {
      pool.note_failure(failure.what());
      throw;
    }
    const size_t open_before = open_.size();
    redirected_ = false;
    size_t used = 0;
    for (const size_t i : group) {
      const size_t count = message_count(units_[i]);
      if (used + count > answer.replies.size()) break;
      Reply reply = take_reply(units_[i], std::span(answer.replies).subspan(used, count));
      used += count;
      settle(i, std::move(reply), pool);
    }
    if (open_.size() < open_before) redirected_rounds_ = 0;
    if (redirected_ && ++redirected_rounds_ > most_redirected_rounds) {
      throw Failure(FailureKind::unavailable, "the servers of the Redis cluster send each other's keys around");
    }
    if (answer.loss) {
      on_loss(answer, pool);
    } else {
      pool.note_success();
    }
  }

  // Done, or open for another round.
  void settle(size_t i, Reply reply, Pool& pool) {
    Unit& unit = units_[i];
    if (const auto redirect = parse_redirect(reply, pool.endpoint().host)) {
      redirected_ = true;
      unit.asking = redirect->once;
      unit.place = nullptr;
      if (redirect->once) {
        unit.place = servers_.at(redirect->place);
      } else {
        servers_.learn(redirect->slot, redirect->place);
      }
      return;
    }
    if (is_passing(reply)) {
      trouble_ = "Redis cannot be used now: " + reply.text;
      if (reply.is_error("READONLY") || reply.is_error("CLUSTERDOWN")) servers_.doubt();
      return;
    }
    replies_[i] = std::move(reply);
    std::erase(open_, i);
  }

  void on_loss(const Connection::Answer& answer, Pool& pool) {
    pool.note_failure(*answer.loss);
    servers_.doubt();
    forget_detours();
    if (answer.timed_out) {
      throw Failure(FailureKind::unavailable, "Redis did not answer within " + timeout_text());
    }
    if (answer.sent && repeat_ == Repeat::never) {
      throw Failure(
          FailureKind::unavailable,
          "the connection to Redis was lost before the answer came; whether the request was carried out is not known");
    }
    trouble_ = "the connection to Redis was lost: " + *answer.loss;
  }

  void forget_detours() {
    for (Unit& unit : units_) {
      if (unit.asking) unit.place = nullptr;
      unit.asking = false;
    }
  }

  awaitable<void> pause() {
    const milliseconds time = jittered(pause_);
    pause_ = std::min(2 * pause_, longest_pause);
    if (after(time) >= deadline_) throw Failure(FailureKind::unavailable, trouble_);
    co_await sleep_for(time);
  }

  std::string timeout_text() const { return fmt::format("{:g} s", std::chrono::duration<double>(timeout_).count()); }

  Servers& servers_;
  std::vector<Unit> units_;
  const Repeat repeat_;
  const Order order_;
  const milliseconds timeout_;
  const Deadline deadline_;
  std::vector<Reply> replies_;
  std::vector<size_t> open_;  // indices into units_, ascending
  std::string trouble_;       // why the last round was not the last one
  milliseconds pause_ = first_pause;
  bool redirected_ = false;    // in this round
  int redirected_rounds_ = 0;  // since something was done
};

awaitable<std::vector<Reply>> Client::run(std::vector<Unit> units, Repeat repeat, Order order) {
  Job job(servers_, std::move(units), repeat, order, timeout_);
  co_return co_await job.run();
}

awaitable<Reply> Client::run_one(Unit unit, Repeat repeat) {
  std::vector<Unit> units;
  units.push_back(std::move(unit));
  std::vector<Reply> replies = co_await run(std::move(units), repeat);
  co_return std::move(replies.front());
}

void require_success(const Reply& reply) {
  for (const Reply& element : reply.elements) {
    if (element.is_error()) require_success(element);
  }
  if (!reply.is_error()) return;
  if (reply.is_error("OOM")) {
    throw Failure(FailureKind::unavailable, "Redis has reached its memory limit (maxmemory) and takes no more");
  }
  for (const char* code : {"MISCONF", "NOREPLICAS", "NOAUTH", "NOPERM"}) {
    if (reply.is_error(code)) throw Failure(FailureKind::unavailable, "Redis refuses: " + reply.text);
  }
  throw Failure(FailureKind::internal, "Redis refuses: " + reply.text);
}

}  // namespace ci::store::redis
