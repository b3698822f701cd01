#include "pool/kubernetes/kubernetes_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>
#include <set>
#include <tuple>

#include "base/changes.h"
#include "base/failure.h"
#include "base/fair_queue.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/sha256.h"
#include "base/time_text.h"
#include "kubernetes/client.h"
#include "kubernetes/election.h"
#include "kubernetes/watch.h"
#include "pool/elsewhere.h"
#include "pool/kubernetes/plan.h"
#include "pool/kubernetes/pod.h"
#include "pool/kubernetes/pod_lease.h"

namespace ci::pool {

namespace {

using Clock = std::chrono::steady_clock;
using kubernetes::object;

constexpr auto look_again = std::chrono::seconds(1);           // at what waits, and whether there is something for it
constexpr auto first_rest = std::chrono::seconds(1);           // after the cluster refused a pod, doubled each time …
constexpr auto longest_rest = std::chrono::seconds(60);        // … up to this
constexpr auto patience_for_a_sign = std::chrono::seconds(2);  // of life
constexpr auto between_signs = std::chrono::seconds(20);       // of pods that wait
constexpr auto longest_warm_up = std::chrono::seconds(60);
constexpr auto time_to_leave = std::chrono::seconds(10);  // for what is still to be removed when we stop
constexpr int most_missed_signs = 3;
constexpr const char* lease_name = "kubecoderun-pool";

struct Waiter {
  explicit Waiter(asio::steady_timer& t) : timer(t) {}
  asio::steady_timer& timer;
  std::string pod;  // that it may try to take
};

// What this replica knows of the pods of one language.
struct Shelf {
  std::string revision;
  int floor = 0;
  FairQueue<Waiter> waiting;
  int warm_in_creation = 0, reserved_in_creation = 0;
  std::string refusal;  // why the cluster makes none; empty: it does
  Clock::duration rest = first_rest;
  Clock::time_point rest_until{};
};

net::client::Settings settings_of_http() {
  net::client::Settings settings;
  settings.proxies = false;  // pods are neighbours
  settings.connect_timeout = patience_for_a_sign;
  settings.connections = 1000;
  return settings;
}

kubernetes::Selection selection_of(const std::string& home) {
  kubernetes::Selection selection(kubernetes::kinds::pod, home);
  selection.labels = fmt::format("{},{}", labels::selector, labels::revision);
  return selection;
}

class KubernetesPool final : public SandboxPool, public Elsewhere {
 public:
  KubernetesPool(
      asio::any_io_executor executor, asio::thread_pool& blocking, KubernetesSettings settings,
      kubernetes::Access access)
      : executor_(executor),
        blocking_(blocking),
        settings_(std::move(settings)),
        home_(settings_.home.empty() ? access.home : settings_.home),
        client_(executor, blocking, std::move(access)),
        http_(executor, settings_of_http()),
        watch_(executor, client_, selection_of(home_)),
        election_(client_, home_, lease_name, settings_.identity),
        changed_(executor),
        removals_(executor),
        tasks_(executor) {
    for (const std::string& language : settings_.languages) {
      Shelf& shelf = shelves_[language];
      shelf.revision = revision_of(settings_, language);
      const auto floor = settings_.floors.find(language);
      if (settings_.keep_warm && floor != settings_.floors.end()) shelf.floor = floor->second;
    }
    watch_.on_change([this](const std::string& name, const object* now) { see(name, now); });
    tasks_.spawn("watch of pods", watch_.run());
    tasks_.spawn("election", election_.run());
    tasks_.spawn("pods", look_after_pods());
    tasks_.spawn("signs of life", ask_for_signs());
  }

  awaitable<std::unique_ptr<Lease>> acquire(Demand demand, Deadline deadline) override {
    const auto begin = Clock::now();
    const auto found = shelves_.find(demand.language);
    if (found == shelves_.end()) throw Failure(FailureKind::unavailable, "no image is known for " + demand.language);
    Shelf& shelf = found->second;
    while (!watch_.is_complete() && Clock::now() < deadline) co_await watch_.wait_for_change(deadline);
    if (!watch_.is_complete()) throw Failure(FailureKind::unavailable, unavailable());
    bool hit = shelf.waiting.empty();
    if (shelf.floor > 0 && candidate(demand.language) == nullptr) ++statistics_.exhaustions;
    for (;;) {
      const Pod* free = hit ? candidate(demand.language) : nullptr;
      hit = free != nullptr;
      std::string name;
      if (free != nullptr) {
        name = free->name;
        busy_.insert(name);
      } else {
        name = co_await wait_for_pod(shelf, demand, deadline);
      }
      auto lease = co_await take(std::move(name), hit);
      if (!lease) continue;
      ++statistics_.acquisitions;
      ++(hit ? statistics_.hits : statistics_.misses);
      statistics_.acquire_time += std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
      co_return lease;
    }
  }

  awaitable<void> warm_up() override {
    const Deadline end = after(longest_warm_up);
    const auto is_reached = [this] {
      return watch_.is_complete() && std::ranges::all_of(shelves_, [this](const auto& entry) {
               const Shelf& shelf = entry.second;
               return shelf.floor == 0 || !shelf.refusal.empty() || !problem_of(entry.first).empty() ||
                      count(entry.first).available > 0;
             });
    };
    while (!is_reached() && Clock::now() < end) co_await changed_.wait(after(look_again));
  }

  std::vector<std::string> languages() const override {
    std::vector<std::string> codes;
    for (const auto& [language, shelf] : shelves_) codes.push_back(language);
    return codes;
  }

  std::string unavailable() const override {
    if (!watch_.is_complete()) return watch_.problem().empty() ? "the cluster has not answered yet" : watch_.problem();
    return "";
  }

  std::vector<std::string> problems() const override {
    std::vector<std::string> found;
    if (!watch_.problem().empty()) found.push_back(watch_.problem());
    for (const auto& [language, shelf] : shelves_) {
      if (!shelf.refusal.empty()) found.push_back(language + ": " + shelf.refusal);
      if (std::string problem = problem_of(language); !problem.empty()) found.push_back(language + ": " + problem);
    }
    return found;
  }

  std::string architecture() const override { return "kubernetes-pods"; }

  PoolStatistics statistics() const override {
    PoolStatistics result = statistics_;
    result.keeps_warm = settings_.keep_warm;
    for (const auto& [language, shelf] : shelves_) {
      result.waiting += shelf.waiting.size();
      result.languages[language] = count(language);
    }
    return result;
  }

  // What is warm stays for the others.
  awaitable<void> stop() override {
    stopping_ = true;
    for (auto& [language, shelf] : shelves_) {
      while (Waiter* waiter = shelf.waiting.pop()) waiter->timer.cancel();
    }
    for (const auto& [name, pod] : pods_) {
      if (is_ours(pod) && pod.status == PodStatus::reserved && busy_.insert(name).second) remove(pod);
    }
    const Deadline end = after(time_to_leave);
    while (removals_.size() > 0 && Clock::now() < end) co_await sleep_for(std::chrono::milliseconds(20));
    co_await removals_.stop();
    co_await tasks_.stop();
    try {
      co_await election_.resign();
    } catch (const Failure& failure) {
      log_warning("the election was not resigned from", {{"reason", failure.what()}});
    }
  }

 private:
  bool is_ours(const Pod& pod) const { return pod.instance == settings_.identity; }

  // --- what the cluster has ------------------------------------------------------------------------------------------

  void see(const std::string& name, const object* now) {
    std::string language;
    if (now == nullptr) {
      const auto known = pods_.extract(name);
      if (known) language = known.mapped().language;
      busy_.erase(name);
      refused_.erase(name);
      missed_.erase(name);
    } else {
      Pod pod = read_pod(*now, settings_.port);
      language = pod.language;
      learn_from(pod);
      pods_[name] = std::move(pod);
    }
    serve(language);
    tell_problem(language);
    changed_.announce();
  }

  // Pods that end before anybody wanted them must not be made one after the other.
  void learn_from(const Pod& pod) {
    const auto shelf = shelves_.find(pod.language);
    const auto before = pods_.find(pod.name);
    if (shelf == shelves_.end() || pod.revision != shelf->second.revision) return;
    const bool was_over = before != pods_.end() && before->second.is_over;
    if (pod.is_ready && !pod.is_over) works(shelf->second);
    if (pod.has_failed && !was_over && pod.status != PodStatus::in_use) fails(shelf->second, pod.problem);
  }

  static void works(Shelf& shelf) {
    shelf.refusal.clear();
    shelf.rest = first_rest;
  }

  static void fails(Shelf& shelf, std::string reason) {
    shelf.refusal = std::move(reason);
    shelf.rest_until = Clock::now() + shelf.rest;
    shelf.rest = std::min<Clock::duration>(2 * shelf.rest, longest_rest);
  }

  // The oldest that can be taken; null when there is none.
  const Pod* candidate(const std::string& language) const {
    const Pod* best = nullptr;
    const Shelf& shelf = shelves_.at(language);
    for (const auto& [name, pod] : pods_) {
      if (pod.language != language || !pod.is_ready || pod.is_leaving || pod.is_over || pod.address.empty()) continue;
      const bool is_free = pod.status == PodStatus::warm || (pod.status == PodStatus::reserved && is_ours(pod));
      if (!is_free || pod.revision != shelf.revision || busy_.contains(name)) continue;
      const auto refused = refused_.find(name);
      if (refused != refused_.end() && refused->second == pod.version) continue;
      if (best == nullptr || std::tie(pod.created, name) < std::tie(best->created, best->name)) best = &pod;
    }
    return best;
  }

  LanguageStatistics count(const std::string& language) const {
    const Shelf& shelf = shelves_.at(language);
    LanguageStatistics sum;
    sum.target = static_cast<std::uint64_t>(shelf.floor);
    sum.creating = static_cast<std::uint64_t>(shelf.warm_in_creation + shelf.reserved_in_creation);
    for (const auto& [name, pod] : pods_) {
      if (pod.language != language || pod.is_leaving || pod.is_over) continue;
      if (pod.status == PodStatus::in_use)
        ++sum.in_use;
      else
        ++(pod.is_ready ? sum.available : sum.creating);
    }
    return sum;
  }

  std::string problem_of(const std::string& language) const {
    for (const auto& [name, pod] : pods_) {
      if (pod.language == language && !pod.problem.empty() && !pod.is_ready && !pod.is_leaving) return pod.problem;
    }
    return "";
  }

  // Once, until there is one that works: a pod that finds no image tries again for ever.
  void tell_problem(const std::string& language) {
    const auto shelf = shelves_.find(language);
    if (shelf == shelves_.end()) return;
    const std::string& refusal = shelf->second.refusal;
    const std::string problem = refusal.empty() ? problem_of(language) : refusal;
    const bool is_told = told_.contains(language);
    if (!problem.empty() && !is_told) {
      told_.insert(language);
      log_warning("pods cannot be made", {{"language", language}, {"reason", problem}});
    } else if (problem.empty() && is_told && count(language).available > 0) {
      told_.erase(language);
      log_info("pods can be made again", {{"language", language}});
    }
  }

  // --- making and removing -------------------------------------------------------------------------------------------

  awaitable<void> look_after_pods() {
    for (;;) {
      if (watch_.is_complete() && !stopping_) {
        const auto now = std::chrono::system_clock::now();
        if (election_.leads()) keep_stock(now);
        for (auto& [language, shelf] : shelves_) reserve(language, shelf);
        tidy_own();
      }
      if (!watch_.is_complete())
        co_await watch_.wait_for_change(after(look_again));
      else if (settings_.refill_at_once)
        co_await changed_.wait(after(std::min<Clock::duration>(look_again, settings_.refill_interval)));
      else
        co_await sleep_for(settings_.refill_interval);
    }
  }

  void keep_stock(std::chrono::system_clock::time_point now) {
    std::map<std::string, PodWish> wishes;
    for (const auto& [language, shelf] : shelves_) {
      PodWish& wish = wishes[language];
      wish.floor = shelf.floor;
      wish.revision = shelf.revision;
      wish.in_creation = shelf.warm_in_creation;
    }
    const auto ttl = std::max<std::chrono::seconds>(
        settings_.ttl, std::chrono::ceil<std::chrono::seconds>(settings_.longest_run) + std::chrono::seconds(60));
    const PodPlan plan = plan_pods(pods_, wishes, now, ttl);
    for (const std::string& name : plan.remove) {
      const Pod& pod = pods_.at(name);
      const bool is_in_our_use = pod.status == PodStatus::in_use && is_ours(pod) && !pod.is_over;
      if (!is_in_our_use && busy_.insert(name).second) remove(pod);
    }
    for (const auto& [language, missing] : plan.create) {
      Shelf& shelf = shelves_.at(language);
      for (int i = 0; i < missing && may_create(shelf); ++i) {
        ++shelf.warm_in_creation;
        tasks_.spawn("making a pod", create(language, PodStatus::warm));
      }
    }
  }

  bool may_create(const Shelf& shelf) const {
    int in_creation = 0;
    for (const auto& [language, one] : shelves_) in_creation += one.warm_in_creation + one.reserved_in_creation;
    return !stopping_ && in_creation < settings_.parallel_creations && Clock::now() >= shelf.rest_until;
  }

  // One for each request for which none is on its way. What others make may become theirs or ours.
  void reserve(const std::string& language, Shelf& shelf) {
    std::size_t coming = static_cast<std::size_t>(shelf.warm_in_creation + shelf.reserved_in_creation);
    for (const auto& [name, pod] : pods_) {
      if (pod.language != language || pod.is_leaving || pod.is_over || pod.is_ready) continue;
      // One of ours that finds no image counts: another would not find it either.
      const bool is_of_all = pod.status == PodStatus::warm && pod.problem.empty();
      const bool is_reserved = pod.status == PodStatus::reserved && is_ours(pod);
      if ((is_of_all || is_reserved) && pod.revision == shelf.revision) ++coming;
    }
    for (; coming < shelf.waiting.size() && may_create(shelf); ++coming) {
      ++shelf.reserved_in_creation;
      tasks_.spawn("making a pod", create(language, PodStatus::reserved));
    }
  }

  // Pods of this replica that no request of it has.
  void tidy_own() {
    for (const auto& [name, pod] : pods_) {
      if (!is_ours(pod) || pod.is_leaving || busy_.contains(name)) continue;
      const auto shelf = shelves_.find(pod.language);
      const bool is_wanted = shelf != shelves_.end() && !shelf->second.waiting.empty();
      const bool is_settled = pod.is_ready || !pod.problem.empty();
      const bool is_idle = pod.status == PodStatus::reserved && is_settled && !is_wanted;
      if (pod.status != PodStatus::in_use && !pod.is_over && !is_idle) continue;
      busy_.insert(name);
      if (is_idle && pod.is_ready && !pod.is_over && shelf->second.floor > 0)
        removals_.spawn("giving a pod to all", give_to_all(pod));
      else
        remove(pod);
    }
  }

  awaitable<void> create(std::string language, PodStatus status) {
    const std::string name = fmt::format("pool-{}-{}", language, sha256_hex(random_token(16)).substr(0, 8));
    std::string refusal;
    std::optional<Pod> made;
    try {
      object wanted = pod_object(settings_, language, status, name, random_token(24));
      auto answer = co_await client_.create(kubernetes::kinds::pod, home_, std::move(wanted));
      if (answer)
        made = read_pod(*answer, settings_.port);
      else if (!answer.error().exists())
        refusal = answer.error().message.empty() ? answer.error().reason : answer.error().message;
    } catch (const Failure& failure) {
      refusal = failure.what();
    }
    Shelf& shelf = shelves_.at(language);
    --(status == PodStatus::warm ? shelf.warm_in_creation : shelf.reserved_in_creation);
    if (made) pods_.try_emplace(name, std::move(*made));
    if (!refusal.empty()) fails(shelf, refusal);
    tell_problem(language);
    changed_.announce();
  }

  // Of a pod whose name is among the busy ones, so that nobody else does.
  void remove(const Pod& pod) { removals_.spawn("removing a pod", remove(pod.name, pod.uid)); }

  awaitable<void> remove(std::string name, std::string uid) {
    kubernetes::Removal removal;
    removal.grace = std::chrono::seconds(0);
    removal.uid = uid;
    std::string reason;
    try {
      const auto answer = co_await client_.remove(kubernetes::kinds::pod, home_, name, removal);
      if (!answer && !answer.error().is_absent() && !answer.error().is_conflict()) reason = answer.error().message;
    } catch (const Failure& failure) {
      reason = failure.what();
    }
    if (reason.empty()) co_return;
    log_warning("a pod could not be removed", {{"pod", name}, {"reason", reason}});
    busy_.erase(name);  // so that it is tried again
  }

  awaitable<void> give_to_all(Pod pod) {
    object changes;
    object& metadata = changes["metadata"].emplace_object();
    metadata["resourceVersion"] = pod.version;
    object& marks = metadata["labels"].emplace_object();
    marks[labels::status] = name_of(PodStatus::warm);
    marks[labels::instance] = nullptr;
    try {
      const auto answer = co_await client_.patch(kubernetes::kinds::pod, home_, pod.name, std::move(changes));
      if (answer && pods_.contains(pod.name)) pods_[pod.name] = read_pod(*answer, settings_.port);
    } catch (const Failure& failure) {
      log_warning("a pod could not be given to all", {{"pod", pod.name}, {"reason", failure.what()}});
    }
    busy_.erase(pod.name);
    serve(pod.language);
  }

  // The elected one asks pods that wait whether they live; for them it is the sign that somebody knows them.
  awaitable<void> ask_for_signs() {
    for (;;) {
      co_await sleep_for(between_signs);
      if (!election_.leads()) continue;
      std::vector<Pod> waiting;
      for (const auto& [name, pod] : pods_) {
        if (pod.status == PodStatus::warm && pod.is_ready && !pod.is_leaving && !busy_.contains(name))
          waiting.push_back(pod);
      }
      auto ask = [&](std::size_t number) -> awaitable<void> {
        const Pod& pod = waiting[number];
        const bool lives = co_await gives_sign(pod);
        if (lives) missed_.erase(pod.name);
        if (lives || !pods_.contains(pod.name) || ++missed_[pod.name] < most_missed_signs) co_return;
        if (!busy_.insert(pod.name).second) co_return;
        log_warning("a pod that waits does not answer and is removed", {{"pod", pod.name}});
        remove(pod);
      };
      co_await for_each_index(waiting.size(), ask);
    }
  }

  awaitable<bool> gives_sign(const Pod& pod) {
    net::client::Request request("GET", "http://" + pod.address + "/ready");
    request.headers = {"Authorization: Bearer " + pod.token};
    request.deadline = after(patience_for_a_sign);
    request.silence = patience_for_a_sign;
    try {
      const net::client::Response response = co_await http_.send(std::move(request));
      co_return response.head.status == 200;
    } catch (const Failure&) {
    }
    co_return false;
  }

  // --- giving out ------------------------------------------------------------------------------------------------------

  // Free pods to those who wait, in turns.
  void serve(const std::string& language) {
    const auto shelf = shelves_.find(language);
    if (shelf == shelves_.end() || stopping_) return;
    while (!shelf->second.waiting.empty()) {
      const Pod* free = candidate(language);
      if (free == nullptr) return;
      Waiter* waiter = shelf->second.waiting.pop();
      waiter->pod = free->name;
      busy_.insert(free->name);
      waiter->timer.cancel();
    }
  }

  bool is_coming(const Shelf& shelf, const std::string& language) const {
    return !stopping_ && shelf.refusal.empty() && count(language).creating > 0 && problem_of(language).empty();
  }

  // A name, which is among the busy ones.
  awaitable<std::string> wait_for_pod(Shelf& shelf, const Demand& demand, Deadline deadline) {
    std::size_t all = 0, own = 0;
    for (const auto& entry : shelves_) {
      all += entry.second.waiting.size();
      own += entry.second.waiting.size_of(demand.owner);
    }
    if (stopping_ || !may_wait(own, all, settings_.most_waiting)) {
      ++statistics_.refusals;
      throw Failure(FailureKind::unavailable, "too many requests wait for a sandbox");
    }
    asio::steady_timer timer(executor_, deadline);
    Waiter me(timer);
    shelf.waiting.push(demand.owner, me);
    serve(demand.language);
    reserve(demand.language, shelf);
    ++statistics_.waits;
    const auto begin = Clock::now();
    while (me.pod.empty()) {
      boost::system::error_code woken;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
      if (woken || !is_coming(shelf, demand.language) || timer.expiry() >= demand.longest_wait) break;
      timer.expires_at(std::min(demand.longest_wait, timer.expiry() + look_again));
    }
    statistics_.wait_time += std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
    shelf.waiting.remove(me);
    const auto cancelled = co_await asio::this_coro::cancellation_state;
    if (cancelled.cancelled() != asio::cancellation_type::none) {
      if (!me.pod.empty()) put_back(me.pod);
      throw boost::system::system_error(asio::error::operation_aborted);
    }
    if (!me.pod.empty()) co_return me.pod;
    ++statistics_.refusals;
    std::string why = shelf.refusal.empty() ? problem_of(demand.language) : shelf.refusal;
    if (!watch_.problem().empty()) why = watch_.problem();
    throw Failure(FailureKind::unavailable, "no pod became ready in time" + (why.empty() ? "" : " (" + why + ")"));
  }

  void put_back(const std::string& name) {
    busy_.erase(name);
    if (const auto pod = pods_.find(name); pod != pods_.end()) serve(pod->second.language);
  }

  // A claim on a pod, until there is a lease.
  class Claim {
   public:
    Claim(KubernetesPool& pool, std::string name) : pool_(&pool), name_(std::move(name)) {}
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    ~Claim() {
      if (pool_ != nullptr) pool_->put_back(name_);
    }
    void keep() { pool_ = nullptr; }

   private:
    KubernetesPool* pool_;
    std::string name_;
  };

  using Patched = kubernetes::Answer<object>;
  awaitable<Patched> mark_in_use(const Pod& pod) {
    object changes;
    object& metadata = changes["metadata"].emplace_object();
    metadata["resourceVersion"] = pod.version;
    object& marks = metadata["labels"].emplace_object();
    marks[labels::status] = name_of(PodStatus::in_use);
    marks[labels::instance] = settings_.identity;
    metadata["annotations"].emplace_object()[labels::taken_at] = iso_time_z(std::chrono::system_clock::now());
    return client_.patch(kubernetes::kinds::pod, home_, pod.name, std::move(changes));
  }

  // Null when somebody else has it, or it is dead.
  awaitable<std::unique_ptr<Lease>> take(std::string name, bool was_warm) {
    Claim claim(*this, name);
    const auto known = pods_.find(name);
    if (known == pods_.end()) co_return nullptr;
    const Pod pod = known->second;
    auto [patched, lives] = co_await both(mark_in_use(pod), gives_sign(pod));
    if (!patched) {
      refused_[name] = pod.version;
      const kubernetes::Refusal& refusal = patched.error();
      if (refusal.is_conflict() || refusal.is_absent()) co_return nullptr;
      throw Failure(FailureKind::unavailable, "the cluster does not let us take a pod: " + refusal.message);
    }
    claim.keep();
    if (const auto now = pods_.find(name); now != pods_.end()) now->second = read_pod(*patched, settings_.port);
    if (!lives) {
      log_warning("a pod that was ready does not answer", {{"pod", name}});
      remove(pod);
      co_return nullptr;
    }
    changed_.announce();  // the next one is made while this one runs
    PodOnLoan loan;
    loan.name = name;
    loan.image = image_of(settings_, pod.language);
    loan.address = pod.address;
    loan.token = pod.token;
    loan.language = pod.language;
    loan.found = was_warm ? FoundWarm::yes : FoundWarm::no;
    auto is_there = [this, name] {
      const auto now = pods_.find(name);
      return now != pods_.end() && !now->second.is_over && !now->second.is_leaving;
    };
    auto end = [this, name, uid = pod.uid] { removals_.spawn("removing a pod", remove(name, uid)); };
    co_return make_pod_lease(http_, blocking_, settings_.spool, std::move(loan), std::move(is_there), std::move(end));
  }

  asio::any_io_executor executor_;
  asio::thread_pool& blocking_;
  KubernetesSettings settings_;
  std::string home_;
  kubernetes::Client client_;
  net::client::Client http_;
  kubernetes::Watch watch_;
  kubernetes::Election election_;
  Changes changed_;
  bool stopping_ = false;
  std::map<std::string, Shelf> shelves_;  // by language
  std::map<std::string, Pod> pods_;
  std::set<std::string> busy_;                  // being taken, on loan from us, or on their way out
  std::map<std::string, std::string> refused_;  // the version of a pod that somebody else has changed
  std::map<std::string, int> missed_;           // signs of life
  std::set<std::string> told_;                  // languages whose problem is in the log
  PoolStatistics statistics_;
  TaskGroup removals_;
  TaskGroup tasks_;  // last: its work uses everything above
};

}  // namespace

std::unique_ptr<SandboxPool> open_kubernetes_pool(
    asio::any_io_executor executor, asio::thread_pool& blocking, KubernetesSettings settings,
    kubernetes::Access access) {
  return std::make_unique<KubernetesPool>(executor, blocking, std::move(settings), std::move(access));
}

}  // namespace ci::pool
