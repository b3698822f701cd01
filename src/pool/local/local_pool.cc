#include "pool/local/local_pool.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <deque>
#include <set>

#include "base/log.h"
#include "languages/language.h"
#include "pool/local/local_lease.h"
#include "sandbox/kinds.h"
#include "sandbox/wire.h"

namespace ci::pool {

namespace {

using Clock = std::chrono::steady_clock;
using sandbox::Reader;
using sandbox::Tag;
using sandbox::Writer;

constexpr auto demand_memory = std::chrono::seconds(10);  // arrivals this recent count as demand
constexpr int burst_share = 4;                            // one more warm sandbox for so many recent arrivals

std::string language_of(std::string_view kind) { return std::string(kind.substr(0, kind.find('/'))); }

// A language's own kind; for Python the smallest zygote.
bool is_plain(std::string_view kind) { return kind.ends_with("/stdlib") || kind.find('/') == kind.npos; }

// One kind of sandbox: what is warm, what is being made, who waits, how often it was asked for lately.
struct Shelf {
  std::deque<std::unique_ptr<Channel>> warm;
  int creating = 0;
  std::uint64_t in_use = 0;
  int floor = 0;
  std::deque<Clock::time_point> arrivals;
  std::deque<asio::steady_timer*> waiting;  // in order of arrival; each has a hand in `handed`
  std::string last_failure;
  int failures = 0;  // in a row
};

class LocalPool final : public SandboxPool {
 public:
  LocalPool(
      asio::any_io_executor executor, asio::thread_pool& blocking, const LocalPoolSettings& settings,
      SandboxdConnector connector)
      : executor_(executor),
        blocking_(blocking),
        settings_(settings),
        connector_(std::move(connector)),
        changed_(executor, Clock::time_point::max()),
        tasks_(executor) {
    tasks_.spawn("sandboxd connection", keep_connected());
    tasks_.spawn("pool refill", refill_regularly());
  }

  awaitable<std::unique_ptr<Lease>> acquire(Demand demand, Deadline deadline) override {
    const auto begin = Clock::now();
    ++statistics_.acquisitions;
    // Before the first connection nobody knows the kinds.
    while (shelves_.empty() && unavailable_.empty() && Clock::now() < deadline) co_await wait_for_change(deadline);
    if (!unavailable_.empty()) throw Failure(FailureKind::unavailable, unavailable_);
    const auto kinds = sandbox::kinds_for(demand.language, demand.imports);
    const auto found = std::ranges::find_if(kinds, [this](const auto& name) { return shelves_.contains(name); });
    if (found == kinds.end()) {
      throw Failure(FailureKind::unavailable, "this host has no sandbox for " + demand.language);
    }
    const std::string kind = *found;
    Shelf& shelf = shelves_.at(kind);
    const auto now = Clock::now();
    shelf.arrivals.push_back(now);
    const bool hit = !shelf.warm.empty() && shelf.waiting.empty();
    ++(hit ? statistics_.hits : statistics_.misses);
    if (!hit) ++statistics_.exhaustions;
    std::unique_ptr<Channel> channel;
    if (hit) {
      channel = std::move(shelf.warm.front());
      shelf.warm.pop_front();
      if (settings_.refill_on_acquire) refill();
    } else {
      channel = co_await wait_for_sandbox(shelf, deadline);
    }
    ++shelf.in_use;
    statistics_.acquire_time += std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
    const languages::Language* language = languages::find(demand.language);
    CHECK(language != nullptr);
    co_return make_local_lease(std::move(channel), std::string(language->file), blocking_, [this, kind] {
      --shelves_.at(kind).in_use;
    });
  }

  awaitable<void> warm_up() override {
    const auto reached = [this] {
      if (!unavailable_.empty()) return true;
      if (!connected_) return false;
      // The larger zygotes take seconds to import; until then their programs wait in line, and all others need not.
      return std::ranges::all_of(shelves_, [](const auto& entry) {
        return !is_plain(entry.first) || entry.second.floor <= static_cast<int>(entry.second.warm.size()) || entry.second.failures > 0;
      });
    };
    while (!reached()) co_await wait_for_change(Clock::now() + std::chrono::seconds(1));
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

  PoolStatistics statistics() const override {
    PoolStatistics result = statistics_;
    for (const auto& [kind, shelf] : shelves_) {
      LanguageStatistics& sum = result.languages[language_of(kind)];
      sum.available += shelf.warm.size();
      sum.in_use += shelf.in_use;
      sum.creating += static_cast<std::uint64_t>(shelf.creating);
      sum.target += static_cast<std::uint64_t>(target(shelf));
    }
    return result;
  }

  awaitable<void> stop() override {
    stopping_ = true;
    for (auto& [kind, shelf] : shelves_) shelf.warm.clear();
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
      shelf.creating = 0;
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
    for (size_t begin = 0; begin < names.size();) {
      const size_t end = std::min(names.find(',', begin), names.size());
      const std::string kind = names.substr(begin, end - begin);
      shelves_[kind].floor = floor_of(kind);
      begin = end + 1;
    }
    connected_ = true;
    unavailable_.clear();
    log_info("sandboxd is ready", {{"kinds", names}, {"cgroup", std::to_string(cgroup_version_)}});
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
    if (!entry || descriptors.size() != 3) return;
    auto channel = std::make_unique<Channel>(
        executor_, std::move(descriptors[0]), std::move(descriptors[1]), std::move(descriptors[2]));
    tasks_.spawn("sandbox start", until_ready(entry.mapped(), std::move(channel)));
  }

  awaitable<void> until_ready(std::string kind, std::unique_ptr<Channel> channel) {
    std::string reason = "it ended before it was ready";
    bool ready = false;
    if (const auto message = co_await channel->receive()) {
      Reader reader(message->payload);
      ready = reader.tag() == Tag::ready;
      if (!ready) reason = reader.text();
    }
    if (!ready) {
      creation_failed(kind, reason);
      co_return;
    }
    Shelf& shelf = shelves_.at(kind);
    shelf.creating = std::max(0, shelf.creating - 1);
    shelf.failures = 0;
    shelf.warm.push_back(std::move(channel));
    if (!shelf.waiting.empty()) shelf.waiting.front()->cancel();
    refill();
    announce();
  }

  void creation_failed(const std::string& kind, const std::string& reason) {
    Shelf& shelf = shelves_.at(kind);
    shelf.creating = std::max(0, shelf.creating - 1);
    shelf.last_failure = reason;
    if (++shelf.failures == 1 || shelf.failures % 100 == 0) {
      log_warning("cannot make a sandbox", {{"kind", kind}, {"reason", reason}});
    }
    announce();
  }

  // --- keeping warm ------------------------------------------------------------------------------------------------

  int target(const Shelf& shelf) const {
    if (!settings_.enabled) return 0;
    return std::min(settings_.most_warm, shelf.floor + static_cast<int>(shelf.arrivals.size()) / burst_share);
  }

  int warm_count() const {
    int count = 0;
    for (const auto& entry : shelves_) count += static_cast<int>(entry.second.warm.size()) + entry.second.creating;
    return count;
  }

  void create(const std::string& kind, Shelf& shelf) {
    const std::uint64_t ticket = ++last_ticket_;
    const std::string request = Writer(Tag::create).number(ticket).text(kind).bytes();
    try {
      if (!sandboxd_ || !os::send_message(sandboxd_->native_handle(), request)) return;
    } catch (const Failure&) {
      return;  // the reading side notices and connects again
    }
    ++shelf.creating;
    pending_.emplace(ticket, kind);
  }

  // Those who wait first, then what should be warm, a few at a time so that running programs keep their share.
  void refill() {
    if (stopping_ || !connected_) return;
    int running = 0;
    for (const auto& entry : shelves_) running += entry.second.creating;
    for (auto& [kind, shelf] : shelves_) {
      while (static_cast<size_t>(shelf.creating) < shelf.waiting.size()) {
        const int before = shelf.creating;
        create(kind, shelf);
        if (shelf.creating == before) return;
        ++running;
      }
    }
    for (auto& [kind, shelf] : shelves_) {
      if (shelf.failures > 0) continue;  // tried again at the regular interval
      while (running < settings_.parallel_creations && warm_count() < settings_.most_warm &&
             static_cast<int>(shelf.warm.size()) + shelf.creating < target(shelf)) {
        const int before = shelf.creating;
        create(kind, shelf);
        if (shelf.creating == before) return;
        ++running;
      }
    }
  }

  awaitable<void> refill_regularly() {
    for (;;) {
      co_await sleep_for(settings_.refill_interval);
      const auto now = Clock::now();
      for (auto& [kind, shelf] : shelves_) {
        while (!shelf.arrivals.empty() && now - shelf.arrivals.front() > demand_memory) shelf.arrivals.pop_front();
        shelf.failures = 0;
        // One at a time: shrinking is not urgent, and the next burst may be near.
        if (static_cast<int>(shelf.warm.size()) > target(shelf)) shelf.warm.pop_front();
      }
      refill();
    }
  }

  // --- waiting -----------------------------------------------------------------------------------------------------

  awaitable<std::unique_ptr<Channel>> wait_for_sandbox(Shelf& shelf, Deadline deadline) {
    asio::steady_timer turn(executor_, deadline);
    shelf.waiting.push_back(&turn);
    struct Leave {
      Shelf& shelf;
      asio::steady_timer* turn;
      ~Leave() { std::erase(shelf.waiting, turn); }
    } leave{shelf, &turn};
    for (;;) {
      refill();
      if (!shelf.warm.empty() && shelf.waiting.front() == &turn) {
        auto channel = std::move(shelf.warm.front());
        shelf.warm.pop_front();
        shelf.waiting.pop_front();
        if (!shelf.waiting.empty()) shelf.waiting.front()->cancel();
        co_return channel;
      }
      if (Clock::now() >= deadline || stopping_) {
        const std::string why = shelf.last_failure.empty() ? "" : " (" + shelf.last_failure + ")";
        throw Failure(FailureKind::unavailable, "no sandbox became free in time" + why);
      }
      turn.expires_at(std::min(deadline, Clock::now() + std::chrono::seconds(1)));
      boost::system::error_code woken;
      co_await turn.async_wait(asio::redirect_error(asio::use_awaitable, woken));
      const auto cancelled = co_await asio::this_coro::cancellation_state;
      if (cancelled.cancelled() != asio::cancellation_type::none) {
        throw boost::system::system_error(asio::error::operation_aborted);
      }
    }
  }

  void announce() { changed_.cancel(); }

  awaitable<void> wait_for_change(Deadline deadline) {
    changed_.expires_at(deadline);
    boost::system::error_code woken;
    co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }

  asio::any_io_executor executor_;
  asio::thread_pool& blocking_;
  LocalPoolSettings settings_;
  SandboxdConnector connector_;
  std::unique_ptr<asio::posix::stream_descriptor> sandboxd_;
  asio::steady_timer changed_;
  bool connected_ = false, stopping_ = false;
  int cgroup_version_ = 0;
  std::string unavailable_;
  std::map<std::string, Shelf> shelves_;
  std::map<std::uint64_t, std::string> pending_;  // ticket → kind
  std::uint64_t last_ticket_ = 0;
  PoolStatistics statistics_;
  TaskGroup tasks_;  // last: its work uses everything above
};

}  // namespace

std::unique_ptr<SandboxPool> open_local_pool(
    asio::any_io_executor executor, asio::thread_pool& blocking, const LocalPoolSettings& settings,
    SandboxdConnector connector) {
  return std::make_unique<LocalPool>(std::move(executor), blocking, settings, std::move(connector));
}

}  // namespace ci::pool
