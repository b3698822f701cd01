#include "pool/local/local_pool.h"

#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <deque>
#include <optional>
#include <set>

#include "base/changes.h"
#include "base/fair_queue.h"
#include "base/log.h"
#include "languages/language.h"
#include "pool/local/local_lease.h"
#include "pool/local/stock.h"
#include "sandbox/guest/guest.h"
#include "sandbox/kinds.h"
#include "sandbox/wire.h"

namespace ci::pool {

namespace {

using sandbox::Reader;
using sandbox::Tag;
using sandbox::Writer;

constexpr auto first_rest = std::chrono::milliseconds(50);  // after a failure, doubled for each further one
constexpr auto longest_rest = std::chrono::seconds(2);
constexpr auto longest_start = std::chrono::seconds(30);  // of a sandbox until it is ready
constexpr auto answer_time = std::chrono::milliseconds(1);  // between the end of a run and that of its sandbox
constexpr auto look_again = std::chrono::seconds(1);  // whether sandboxes are still being made for those who wait
constexpr auto busy_time = std::chrono::milliseconds(5);    // until sandboxd is asked again
constexpr auto slow_creation = std::chrono::milliseconds(300);
constexpr std::uint64_t presumed_memory = 16 << 20;  // of a warm sandbox, while none has told

std::string language_of(std::string_view kind) { return std::string(kind.substr(0, kind.find('/'))); }

// A language's own kind; for Python the smallest zygote.
bool is_plain(std::string_view kind) { return kind.ends_with("/stdlib") || kind.find('/') == kind.npos; }

// The larger zygotes and some interpreters take seconds to start. Until then their programs wait in line, and all
// others need not.
bool is_quick_to_make(std::string_view kind) {
  const languages::Language* language = languages::find(language_of(kind));
  return is_plain(kind) && language != nullptr && language->warmth != languages::Warmth::waiting;
}

// A request for which nothing was warm.
struct Waiter {
  explicit Waiter(asio::steady_timer& t) : timer(t) {}
  asio::steady_timer& timer;
  std::unique_ptr<Channel> channel;  // what it was given; the timer is cancelled then
};

// A sandbox that sandboxd was asked for.
struct Pending {
  Pending(std::string what, bool soon) : kind(std::move(what)), awaited(soon) {}
  std::string kind;
  bool awaited;
  Clock::time_point begin = Clock::now();
};

// One kind of sandbox.
struct Shelf {
  std::deque<std::unique_ptr<Channel>> warm;
  int creating = 0, awaited = 0;  // see KindState
  std::uint64_t in_use = 0;
  std::uint64_t held = 0;  // bytes of those in use that stand still
  int floor = 0;
  DemandMeter demand;
  FairQueue<Waiter> waiting;
  int made = 0;  // so far
  // Of the quickest so far that nobody waited for: a busy machine makes every one look slow, and some runtimes are ready
  // sooner when they are awaited.
  std::optional<Clock::duration> making_time;
  std::uint64_t memory = presumed_memory;
  std::string last_failure;
  int failures = 0;  // in a row
  Clock::time_point rests_until{};
};

class LocalPool final : public SandboxPool {
 public:
  LocalPool(
      asio::any_io_executor executor, asio::thread_pool& blocking, const PoolSettings& settings,
      SandboxdConnector connector)
      : executor_(executor),
        blocking_(blocking),
        settings_(settings),
        limits_{
            settings.parallel_creations, settings.parallel_slow_creations, settings.parallel_slow_awaited,
            settings.enabled ? settings.most_warm : 0, settings.warm_memory_bytes},
        connector_(std::move(connector)),
        changed_(executor),
        tasks_(executor) {
    tasks_.spawn("sandboxd connection", keep_connected());
    tasks_.spawn("pool refill", refill_regularly());
  }

  awaitable<std::unique_ptr<Lease>> acquire(Demand demand, Deadline deadline) override {
    const auto begin = Clock::now();
    // Before the first connection nobody knows the kinds.
    while (shelves_.empty() && unavailable_.empty() && Clock::now() < deadline) co_await changed_.wait(deadline);
    if (!unavailable_.empty()) throw Failure(FailureKind::unavailable, unavailable_);
    const auto kinds = sandbox::kinds_for(demand.language, demand.imports, settings_.python_modules);
    const auto found = std::ranges::find_if(kinds, [this](const auto& name) { return shelves_.contains(name); });
    if (found == kinds.end()) {
      throw Failure(FailureKind::unavailable, "this host has no sandbox for " + demand.language);
    }
    const std::string kind = *found;
    Shelf& shelf = shelves_.at(kind);
    const int wanted = stock_target(state_of(kind, shelf, begin), limits_);
    shelf.demand.arrival(begin);
    std::unique_ptr<Channel> channel = take_warm(shelf);
    const bool hit = channel != nullptr;
    if (hit) {
      if (settings_.refill_on_acquire && shelf.warm.empty()) refill();
    } else {
      if (wanted > 0) ++statistics_.exhaustions;
      channel = co_await wait_for_sandbox(shelf, demand, deadline);
    }
    ++statistics_.acquisitions;
    ++(hit ? statistics_.hits : statistics_.misses);
    statistics_.acquire_time += std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
    ++shelf.in_use;
    const languages::Language* language = languages::find(demand.language);
    CHECK(language != nullptr);
    co_return make_local_lease(
        std::move(channel), std::string(language->file), hit ? Warm::yes : Warm::no, blocking_, workspace_device_,
        [this, kind, last = std::uint64_t(0)](std::uint64_t bytes) mutable {
          shelves_.at(kind).held += bytes - std::exchange(last, bytes);
          if (bytes > 0) refill();  // what is warm may have to go for it
        },
        [this, kind](std::unique_ptr<Channel> spent, Finished finished) {
          tasks_.spawn("sandbox end", end(kind, std::move(spent), finished));
        });
  }

  // What was made counts, not what waits now: programs may take one as soon as it is there.
  awaitable<void> warm_up() override {
    const auto reached = [this] {
      if (!unavailable_.empty()) return true;
      if (!connected_) return false;
      return std::ranges::all_of(shelves_, [](const auto& entry) {
        const Shelf& shelf = entry.second;
        return !is_quick_to_make(entry.first) || shelf.floor <= shelf.made || shelf.failures > 0;
      });
    };
    while (!reached()) co_await changed_.wait(Clock::now() + std::chrono::seconds(1));
    if (!unavailable_.empty()) throw Failure(FailureKind::unavailable, unavailable_);
    for (const auto& [kind, shelf] : shelves_) {
      if (shelf.failures > 0) log_error("cannot keep sandboxes warm", {{"kind", kind}, {"reason", shelf.last_failure}});
    }
  }

  std::vector<std::string> languages() const override {
    std::set<std::string> found;
    for (const auto& [kind, shelf] : shelves_) found.insert(language_of(kind));
    return {found.begin(), found.end()};
  }

  std::string unavailable() const override {
    if (!unavailable_.empty()) return unavailable_;
    if (!connected_) return "sandboxes are being prepared";
    return shelves_.empty() ? "this host has the runtime of no language" : "";
  }

  PoolStatistics statistics() const override {
    PoolStatistics result = statistics_;
    result.keeps_warm = settings_.enabled;
    const auto now = Clock::now();
    for (const auto& [kind, shelf] : shelves_) {
      result.waiting += shelf.waiting.size();
      LanguageStatistics& sum = result.languages[language_of(kind)];
      sum.available += shelf.warm.size();
      sum.in_use += shelf.in_use;
      sum.creating += static_cast<std::uint64_t>(shelf.creating);
      sum.target += static_cast<std::uint64_t>(stock_target(state_of(kind, shelf, now), limits_));
    }
    return result;
  }

  awaitable<void> stop() override {
    stopping_ = true;
    for (auto& [kind, shelf] : shelves_) {
      shelf.warm.clear();
      while (Waiter* waiter = shelf.waiting.pop()) waiter->timer.cancel();
    }
    co_await tasks_.stop();
  }

 private:
  // --- sandboxd ----------------------------------------------------------------------------------------------------

  awaitable<void> keep_connected() {
    while (!stopping_) {
      UniqueFd socket = co_await connector_();
      sandboxd_ = std::make_unique<asio::posix::stream_descriptor>(executor_, socket.release());
      sandboxd_->native_non_blocking(true);
      std::string reason;
      try {
        co_await serve_connection();
        reason = "its connection was closed";
      } catch (const Failure& failure) {
        reason = failure.what();
      }
      connected_ = false;
      sandboxd_.reset();
      if (!stopping_) log_error("sandboxd is gone", {{"reason", reason}});
      forget_everything();
    }
  }

  // All sandboxes died with it. Those on loan tell their holders themselves.
  void forget_everything() {
    for (auto& [kind, shelf] : shelves_) {
      shelf.warm.clear();
      shelf.creating = shelf.awaited = 0;
    }
    pending_.clear();
    announce();
  }

  awaitable<void> serve_connection() {
    os::Message message;
    for (;;) {
      const auto received = os::receive_message(sandboxd_->native_handle(), message);
      if (received == os::Received::closed) co_return;
      if (received == os::Received::would_block) {
        co_await sandboxd_->async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
        continue;
      }
      // Where our limit cut off a sandbox's descriptors, only that sandbox is lost.
      Reader reader(message.payload);
      switch (reader.tag()) {
        case Tag::hello:
          greet(reader);
          break;
        case Tag::created:
          take_created(reader, std::move(message.descriptors));
          break;
        case Tag::refused: {
          const auto ticket = reader.number<std::uint64_t>();
          const std::string reason = reader.text();
          if (ticket == 0) {
            unavailable_ = reason;
            announce();
            break;
          }
          if (const auto entry = pending_.extract(ticket)) creation_failed(entry.mapped(), reason);
          break;
        }
        case Tag::gone:
          break;
        default:
          throw Failure(FailureKind::internal, "an unexpected message from sandboxd");
      }
    }
  }

  void greet(Reader& reader) {
    cgroup_version_ = reader.number<std::uint8_t>();
    const std::string names = reader.text();
    workspace_device_.reset();
    struct stat info {};
    if (reader.number<std::uint8_t>() != 0 && ::stat(sandbox::workspace, &info) == 0) workspace_device_ = info.st_dev;
    for (size_t begin = 0; begin < names.size();) {
      const size_t end = std::min(names.find(',', begin), names.size());
      const std::string kind = names.substr(begin, end - begin);
      shelves_[kind].floor = floor_of(kind);
      begin = end + 1;
    }
    connected_ = true;
    unavailable_.clear();
    log_info("sandboxd is ready", {{"kinds", names}, {"cgroup", cgroup_version_}});
    refill();
    announce();
  }

  // A language's floor goes to its plain kind; the larger zygote levels of Python keep one each.
  int floor_of(const std::string& kind) const {
    if (!settings_.enabled) return 0;
    const auto floor = settings_.floors.find(language_of(kind));
    if (floor == settings_.floors.end()) return 0;
    return is_plain(kind) ? floor->second : std::min(floor->second, 1);
  }

  void take_created(Reader& reader, std::vector<UniqueFd> descriptors) {
    const auto ticket = reader.number<std::uint64_t>();
    const auto entry = pending_.extract(ticket);
    if (!entry) return;
    if (descriptors.size() != 3) {
      creation_failed(entry.mapped(), "too many files are open");
      return;
    }
    auto channel = std::make_unique<Channel>(
        executor_, ticket, std::move(descriptors[0]), std::move(descriptors[1]), std::move(descriptors[2]));
    tasks_.spawn("sandbox start", until_ready(ticket, std::move(entry.mapped()), std::move(channel)));
  }

  awaitable<void> until_ready(std::uint64_t ticket, Pending pending, std::unique_ptr<Channel> channel) {
    const std::string kind = pending.kind;
    std::string reason = "it ended before it was ready";
    bool ready = false;
    std::uint64_t memory = 0;
    try {
      const auto message = co_await until(pending.begin + longest_start, channel->receive());
      if (!message) {
        co_await destroy(ticket);
        reason = "it was not ready in time";
      } else if (*message) {
        Reader reader((*message)->payload);
        ready = reader.tag() == Tag::ready;
        if (ready) memory = reader.number<std::uint64_t>();
        if (!ready) reason = reader.text();
      }
    } catch (const Failure& failure) {
      reason = failure.what();
    }
    if (!ready) {
      creation_failed(pending, reason);
      co_return;
    }
    const auto begin = pending.begin;
    Shelf& shelf = shelves_.at(kind);
    forget(shelf, pending);
    shelf.failures = 0;
    shelf.rests_until = {};
    const auto time = Clock::now() - begin;
    if (!pending.awaited) shelf.making_time = std::min(shelf.making_time.value_or(time), time);
    ++shelf.made;
    if (memory > 0) shelf.memory = memory;
    hand_over(shelf, std::move(channel));
    refill();
    announce();
  }

  static void forget(Shelf& shelf, const Pending& pending) {
    shelf.creating = std::max(0, shelf.creating - 1);
    if (pending.awaited) shelf.awaited = std::max(0, shelf.awaited - 1);
  }

  void creation_failed(const Pending& pending, const std::string& reason) {
    const std::string& kind = pending.kind;
    Shelf& shelf = shelves_.at(kind);
    forget(shelf, pending);
    shelf.last_failure = reason;
    if (++shelf.failures == 1 || shelf.failures % 100 == 0) {
      log_warning("cannot make a sandbox", {{"kind", kind}, {"reason", reason}});
    }
    const auto rest = std::min<Clock::duration>(longest_rest, first_rest * (1 << std::min(shelf.failures - 1, 6)));
    shelf.rests_until = Clock::now() + rest;
    if (!stopping_) tasks_.spawn("pool refill", refill_after(rest));
    announce();
  }

  // --- keeping warm ------------------------------------------------------------------------------------------------

  static KindState state_of(const std::string& kind, const Shelf& shelf, Clock::time_point now) {
    KindState state;
    state.kind = kind;
    state.floor = shelf.floor;
    state.warm = static_cast<int>(shelf.warm.size());
    state.creating = shelf.creating;
    state.awaited = shelf.awaited;
    state.waiting = static_cast<int>(shelf.waiting.size());
    state.recent = shelf.demand.recent(now);
    state.lingers = shelf.demand.lingers(now);
    state.proven = shelf.made > 0;
    state.resting = now < shelf.rests_until;
    const languages::Language* language = languages::find(language_of(kind));
    const bool presumed = language != nullptr && language->warmth == languages::Warmth::waiting;
    state.slow = shelf.making_time ? *shelf.making_time > slow_creation : presumed;
    state.making_time = shelf.making_time.value_or(Clock::duration(0));
    state.memory = shelf.memory;
    state.leased_memory = shelf.in_use * shelf.memory + shelf.held;
    return state;
  }

  StockPlan plan() const {
    std::vector<KindState> states;
    const auto now = Clock::now();
    for (const auto& [kind, shelf] : shelves_) states.push_back(state_of(kind, shelf, now));
    return plan_stock(states, limits_);
  }

  void refill() {
    if (stopping_ || !connected_) return;
    const StockPlan next = plan();
    for (const std::string& kind : next.drop) shelves_.at(kind).warm.pop_front();
    for (const Creation& creation : next.create) {
      if (!create(creation)) return;  // sandboxd is busy or gone: there will be another time
    }
  }

  bool create(const Creation& creation) {
    const auto& [kind, awaited] = creation;
    const std::uint64_t ticket = ++last_ticket_;
    const std::string request = Writer(Tag::create).number(ticket).text(kind).number<std::uint8_t>(awaited).bytes();
    try {
      if (!sandboxd_ || !os::send_message(sandboxd_->native_handle(), request)) return false;
    } catch (const Failure&) {
      return false;  // the reading side notices and connects again
    }
    Shelf& shelf = shelves_.at(kind);
    ++shelf.creating;
    if (awaited) ++shelf.awaited;
    pending_.emplace(ticket, Pending(kind, awaited));
    return true;
  }

  // Of one whose agent may not notice by itself that we let go of it. sandboxd that is gone has taken the sandbox with it.
  awaitable<void> destroy(std::uint64_t ticket) {
    const std::string request = Writer(Tag::destroy).number(ticket).bytes();
    while (sandboxd_) {
      try {
        if (os::send_message(sandboxd_->native_handle(), request)) co_return;
      } catch (const Failure&) {
        co_return;
      }
      co_await sleep_for(busy_time);
    }
  }

  awaitable<void> refill_after(Clock::duration rest) {
    co_await sleep_for(rest);
    refill();
  }

  awaitable<void> refill_regularly() {
    for (;;) {
      co_await sleep_for(settings_.refill_interval);
      for (auto& [kind, shelf] : shelves_) std::erase_if(shelf.warm, [](const auto& channel) { return !channel->waits(); });
      for (const std::string& kind : plan().surplus) shelves_.at(kind).warm.pop_front();
      refill();
    }
  }

  // --- giving out --------------------------------------------------------------------------------------------------

  // The one that waits longest and has not died meanwhile; null when there is none, or when others come first.
  static std::unique_ptr<Channel> take_warm(Shelf& shelf) {
    while (!shelf.warm.empty() && shelf.waiting.empty()) {
      auto channel = std::move(shelf.warm.front());
      shelf.warm.pop_front();
      if (channel->waits()) return channel;
    }
    return nullptr;
  }

  // Tearing one down and making the next wait until the request has its answer.
  awaitable<void> end(std::string kind, std::unique_ptr<Channel> spent, Finished finished) {
    if (finished == Finished::yes) co_await sleep_for(answer_time);
    else co_await destroy(spent->ticket());
    spent.reset();
    --shelves_.at(kind).in_use;
    if (settings_.refill_on_acquire) refill();
  }

  // To whoever waits, else on the shelf.
  void hand_over(Shelf& shelf, std::unique_ptr<Channel> channel) {
    Waiter* waiter = shelf.waiting.pop();
    if (waiter == nullptr) {
      if (!stopping_) shelf.warm.push_back(std::move(channel));
      return;
    }
    waiter->channel = std::move(channel);
    waiter->timer.cancel();
  }

  // Those who wait get theirs one after the other.
  bool is_progressing(const Shelf& shelf) const { return !stopping_ && shelf.creating > 0 && shelf.failures == 0; }

  awaitable<std::unique_ptr<Channel>> wait_for_sandbox(Shelf& shelf, const Demand& demand, Deadline deadline) {
    std::size_t all = 0, own = 0;
    for (const auto& entry : shelves_) {
      all += entry.second.waiting.size();
      own += entry.second.waiting.size_of(demand.owner);
    }
    if (!may_wait(own, all, settings_.most_waiting)) {
      ++statistics_.refusals;
      throw Failure(FailureKind::unavailable, "too many requests wait for a sandbox");
    }
    asio::steady_timer timer(executor_, deadline);
    Waiter me(timer);
    shelf.waiting.push(demand.owner, me);
    refill();
    ++statistics_.waits;
    const auto begin = Clock::now();
    for (;;) {
      boost::system::error_code woken;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
      const bool over = me.channel || woken || !is_progressing(shelf) || timer.expiry() >= demand.longest_wait;
      if (over) break;
      timer.expires_at(std::min(demand.longest_wait, timer.expiry() + look_again));
    }
    statistics_.wait_time += std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
    const auto cancelled = co_await asio::this_coro::cancellation_state;
    shelf.waiting.remove(me);
    if (cancelled.cancelled() != asio::cancellation_type::none) {
      if (me.channel) hand_over(shelf, std::move(me.channel));
      throw boost::system::system_error(asio::error::operation_aborted);
    }
    if (me.channel) co_return std::move(me.channel);
    ++statistics_.refusals;
    const std::string why = shelf.last_failure.empty() ? "" : " (" + shelf.last_failure + ")";
    throw Failure(FailureKind::unavailable, "no sandbox became free in time" + why);
  }

  void announce() { changed_.announce(); }

  asio::any_io_executor executor_;
  asio::thread_pool& blocking_;
  PoolSettings settings_;
  StockLimits limits_;
  SandboxdConnector connector_;
  std::unique_ptr<asio::posix::stream_descriptor> sandboxd_;
  Changes changed_;
  bool connected_ = false, stopping_ = false;
  int cgroup_version_ = 0;
  std::optional<dev_t> workspace_device_;  // where sandboxes are not apart (sandbox/isolation.h)
  std::string unavailable_;
  std::map<std::string, Shelf> shelves_;
  std::map<std::uint64_t, Pending> pending_;  // by ticket
  std::uint64_t last_ticket_ = 0;
  PoolStatistics statistics_;
  TaskGroup tasks_;  // last: its work uses everything above
};

}  // namespace

std::unique_ptr<SandboxPool> open_local_pool(
    asio::any_io_executor executor, asio::thread_pool& blocking, const PoolSettings& settings,
    SandboxdConnector connector) {
  return std::make_unique<LocalPool>(std::move(executor), blocking, settings, std::move(connector));
}

}  // namespace ci::pool
