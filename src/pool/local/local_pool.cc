#include "pool/local/local_pool.h"

#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <set>

#include "base/changes.h"
#include "base/log.h"
#include "base/words.h"
#include "languages/language.h"
#include "pool/local/local_lease.h"
#include "pool/local/sandboxd_client.h"
#include "pool/local/shelf.h"
#include "sandbox/guest/guest.h"
#include "sandbox/kinds.h"
#include "sandbox/wire.h"

namespace ci::pool {

namespace {

using sandbox::Reader;
using sandbox::Tag;

constexpr auto longest_start = std::chrono::seconds(30);    // of a sandbox until it is ready
constexpr auto answer_time = std::chrono::milliseconds(1);  // between the end of a run and that of its sandbox
constexpr auto look_again = std::chrono::seconds(1);        // whether sandboxes are still being made for those who wait

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
        sandboxd_(executor, std::move(connector)),
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
    const std::string kind = sandbox::with_set(*found, demand.packages);
    if (!is_offered(kind))
      throw Failure(FailureKind::unavailable, "there is no set of packages " + demand.packages + " any more");
    Shelf& shelf = shelves_[kind];
    const int wanted = stock_target(shelf.state(kind, begin), limits_);
    shelf.demand.arrival(begin);
    std::unique_ptr<Channel> channel = shelf.take_warm();
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

  std::vector<std::string> package_sets() const override { return {sets_.begin(), sets_.end()}; }

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
      sum.target += static_cast<std::uint64_t>(stock_target(shelf.state(kind, now), limits_));
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
      co_await sandboxd_.connect();
      std::string reason;
      try {
        co_await serve_connection();
        reason = "its connection was closed";
      } catch (const Failure& failure) {
        reason = failure.what();
      }
      connected_ = false;
      sandboxd_.close();
      if (!stopping_) log_error("sandboxd is gone", {{"reason", reason}});
      forget_everything();
    }
  }

  // All sandboxes died with it. Those on loan tell their holders themselves.
  void forget_everything() {
    for (auto& [kind, shelf] : shelves_) shelf.is_lost();
    pending_.clear();
    changed_.announce();
  }

  awaitable<void> serve_connection() {
    for (;;) {
      std::optional<os::Message> message = co_await sandboxd_.next();
      if (!message) co_return;
      Reader reader(message->payload);
      switch (reader.tag()) {
        case Tag::hello:
          greet(reader);
          break;
        case Tag::created:
          take_created(reader, std::move(message->descriptors));
          break;
        case Tag::refused: {
          const auto ticket = reader.number<std::uint64_t>();
          const std::string reason = reader.text();
          if (ticket == 0) {
            unavailable_ = reason;
            changed_.announce();
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
    const bool contained = reader.number<std::uint8_t>() != 0;
    const std::string sets = reader.text();
    workspace_device_.reset();
    struct stat info{};
    if (contained && ::stat(sandbox::workspace, &info) == 0) workspace_device_ = info.st_dev;
    for (const std::string& kind : words_of(names)) shelves_[kind].floor = floor_of(kind, settings_);
    const std::vector<std::string> offered = words_of(sets);
    sets_ = {offered.begin(), offered.end()};
    connected_ = true;
    unavailable_.clear();
    log_info("sandboxd is ready", {{"kinds", names}, {"cgroup", cgroup_version_}, {"package_sets", sets}});
    refill();
    changed_.announce();
  }

  void take_created(Reader& reader, std::vector<UniqueFd> descriptors) {
    const auto ticket = reader.number<std::uint64_t>();
    const auto entry = pending_.extract(ticket);
    if (!entry) return;
    if (descriptors.size() != 3) {  // our limit has cut them off
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
        co_await sandboxd_.destroy(ticket);
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
    Shelf& shelf = shelves_.at(kind);
    shelf.is_ready(pending, memory);
    hand_over(shelf, std::move(channel));
    refill();
    changed_.announce();
  }

  void creation_failed(const Pending& pending, const std::string& reason) {
    Shelf& shelf = shelves_.at(pending.kind);
    const Clock::duration rest = shelf.has_failed(pending, reason);
    if (shelf.failures == 1 || shelf.failures % 100 == 0) {
      log_warning("cannot make a sandbox", {{"kind", pending.kind}, {"reason", reason}});
    }
    if (!stopping_) tasks_.spawn("pool refill", refill_after(rest));
    changed_.announce();
  }

  // Sets of packages come and go with sandboxd; their shelves stay.
  bool is_offered(std::string_view kind) const {
    const std::string_view set = sandbox::parts_of_kind(kind).set;
    return set.empty() || sets_.contains(set);
  }

  // --- keeping warm ------------------------------------------------------------------------------------------------

  StockPlan plan() const {
    std::vector<KindState> states;
    for (const auto& [kind, shelf] : shelves_) {
      if (is_offered(kind)) states.push_back(shelf.state(kind, Clock::now()));
    }
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
    if (!sandboxd_.create(ticket, kind, awaited)) return false;
    Shelf& shelf = shelves_.at(kind);
    Pending pending(kind, awaited);
    shelf.asked_for(pending);
    pending_.emplace(ticket, std::move(pending));
    return true;
  }

  awaitable<void> refill_after(Clock::duration rest) {
    co_await sleep_for(rest);
    refill();
  }

  awaitable<void> refill_regularly() {
    for (;;) {
      co_await sleep_for(settings_.refill_interval);
      for (auto& [kind, shelf] : shelves_)
        std::erase_if(shelf.warm, [](const auto& channel) { return !channel->waits(); });
      for (const std::string& kind : plan().surplus) shelves_.at(kind).warm.pop_front();
      refill();
    }
  }

  // --- giving out --------------------------------------------------------------------------------------------------

  // Tearing one down and making the next wait until the request has its answer.
  awaitable<void> end(std::string kind, std::unique_ptr<Channel> spent, Finished finished) {
    if (finished == Finished::yes)
      co_await sleep_for(answer_time);
    else
      co_await sandboxd_.destroy(spent->ticket());
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

  asio::any_io_executor executor_;
  asio::thread_pool& blocking_;
  PoolSettings settings_;
  StockLimits limits_;
  SandboxdClient sandboxd_;
  Changes changed_;
  bool connected_ = false, stopping_ = false;
  int cgroup_version_ = 0;
  std::optional<dev_t> workspace_device_;  // where sandboxes are not apart (sandbox/isolation.h)
  std::string unavailable_;
  std::map<std::string, Shelf> shelves_;  // by kind; with a set of packages from their first use on
  std::set<std::string, std::less<>> sets_;
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
