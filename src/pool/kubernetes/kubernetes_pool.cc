#include "pool/kubernetes/kubernetes_pool.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>

#include "base/changes.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/parallel.h"
#include "kubernetes/election.h"
#include "kubernetes/watch.h"
#include "pool/elsewhere.h"
#include "pool/kubernetes/plan.h"
#include "pool/kubernetes/pod_calls.h"
#include "pool/kubernetes/pod_lease.h"
#include "pool/kubernetes/pod_stock.h"

namespace ci::pool {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto look_again = std::chrono::seconds(1);  // at what waits, and whether there is something for it
// What is taken is made anew once a small program has had the node to itself, and what was used is removed once its answer is on its
// way: both keep the node's processors busy for a second.
constexpr auto while_it_runs = std::chrono::milliseconds(50);
constexpr auto between_signs = std::chrono::seconds(20);  // of life, of pods that wait
constexpr auto longest_warm_up = std::chrono::seconds(60);
// Who leads before an update makes pods of before it, until the last of its kind is gone.
constexpr auto longest_warm_up_of_others = std::chrono::seconds(15);
constexpr auto time_to_leave = std::chrono::seconds(10);  // for what is still to be removed when we stop
constexpr auto around_a_run =
    std::chrono::seconds(180);  // files and state, both ways, and patience with what does not end
constexpr auto beyond_deadline = std::chrono::seconds(5);  // for taking a pod that came in time
constexpr int most_missed_signs = 3;
constexpr const char* lease_name = "kubecoderun-pool";

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
        http_(executor, settings_for_runners()),
        watch_(executor, client_, selection_of(home_)),
        election_(client_, home_, lease_name, settings_.identity),
        calls_(settings_, client_, election_, http_, home_),
        stock_(settings_),
        changed_(executor),
        room_for_files_(room_for_files(settings_.spool)),
        removals_(executor),
        tasks_(executor) {
    watch_.on_change([this](const std::string& name, const kubernetes::object* now) {
      const std::string language = stock_.see(name, now);
      serve(language);
      stock_.tell_problem(language);
      changed_.announce();
    });
    tasks_.spawn("watch of pods", watch_.run());
    tasks_.spawn("election", election_.run());
    tasks_.spawn("pods", look_after_pods());
    tasks_.spawn("signs of life", ask_for_signs());
  }

  awaitable<std::unique_ptr<Lease>> acquire(Demand demand, Deadline deadline) override {
    const auto begin = Clock::now();
    Shelf* shelf = stock_.shelf(demand.language);
    if (shelf == nullptr) throw Failure(FailureKind::unavailable, "no image is known for " + demand.language);
    while (!watch_.is_complete() && Clock::now() < deadline) co_await watch_.wait_for_change(deadline);
    if (!watch_.is_complete()) throw Failure(FailureKind::unavailable, unavailable());
    if (shelf->floor > 0 && stock_.candidate(demand.language) == nullptr) ++statistics_.exhaustions;
    bool hit = shelf->waiting.empty();
    for (;;) {
      const Pod* free = hit ? stock_.candidate(demand.language) : nullptr;
      hit = free != nullptr;
      std::string name;
      if (free != nullptr) {
        name = free->name;
        stock_.claim(name);
      } else {
        name = co_await wait_for_pod(*shelf, demand, deadline);
      }
      Claim claim(*this, std::move(name));
      auto lease = co_await take(claim, demand.owner, hit, deadline);
      if (!lease) continue;
      ++statistics_.acquisitions;
      ++(hit ? statistics_.hits : statistics_.misses);
      statistics_.acquire_time += std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
      co_return lease;
    }
  }

  awaitable<void> warm_up() override {
    const Deadline end = after(longest_warm_up), end_of_others = after(longest_warm_up_of_others);
    const auto is_reached = [this] { return watch_.is_complete() && stock_.is_warm(); };
    while (!is_reached() && Clock::now() < (election_.leads() ? end : end_of_others))
      co_await changed_.wait(after(look_again));
  }

  std::vector<std::string> languages() const override {
    std::vector<std::string> codes;
    for (const auto& [language, shelf] : stock_.shelves()) codes.push_back(language);
    return codes;
  }

  std::vector<std::string> package_sets() const override { return {}; }  // what is there is in the images

  std::string unavailable() const override {
    if (!watch_.is_complete()) return watch_.problem().empty() ? "the cluster has not answered yet" : watch_.problem();
    return "";
  }

  std::vector<std::string> problems() const override {
    std::vector<std::string> found = stock_.problems();
    if (!watch_.problem().empty()) found.insert(found.begin(), watch_.problem());
    return found;
  }

  std::string architecture() const override { return "kubernetes-pods"; }

  PoolStatistics statistics() const override {
    PoolStatistics result = statistics_;
    result.keeps_warm = settings_.keep_warm;
    for (const auto& [language, shelf] : stock_.shelves()) {
      result.waiting += shelf.waiting.size();
      result.languages[language] = stock_.count(language);
    }
    return result;
  }

  // What is warm stays for the others.
  awaitable<void> stop() override {
    stopping_ = true;
    for (auto& [language, shelf] : stock_.shelves()) {
      while (PodWaiter* waiter = shelf.waiting.pop()) waiter->timer.cancel();
    }
    for (const auto& [name, pod] : stock_.pods()) {
      if (stock_.is_ours(pod) && pod.status == PodStatus::reserved && stock_.claim(name)) remove(pod);
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
  // --- making and removing -------------------------------------------------------------------------------------------

  awaitable<void> look_after_pods() {
    for (;;) {
      if (watch_.is_complete() && !stopping_) {
        // With an old picture of the pods too many would be made.
        const bool is_current = watch_.problem().empty();
        if (is_current) stock_.forget_unseen();
        if (is_current && election_.leads()) keep_stock(std::chrono::system_clock::now());
        for (auto& [language, shelf] : stock_.shelves()) reserve(language, shelf);
        tidy_own();
      }
      if (!watch_.is_complete())
        co_await watch_.wait_for_change(after(look_again));
      else if (settings_.refill_at_once)
        co_await wait_for_change();
      else
        co_await sleep_for(settings_.refill_interval);
    }
  }

  awaitable<void> wait_for_change() {
    co_await changed_.wait(after(std::min<Clock::duration>(look_again, settings_.refill_interval)));
    co_await sleep_for(while_it_runs);
  }

  void keep_stock(std::chrono::system_clock::time_point now) {
    const auto ttl = std::max<std::chrono::seconds>(
        settings_.ttl, std::chrono::ceil<std::chrono::seconds>(settings_.longest_run) + around_a_run);
    const PodPlan plan = plan_pods(stock_.pods(), stock_.wishes(), now, ttl);
    for (const std::string& name : plan.remove) {
      const Pod& pod = *stock_.find(name);
      const bool is_in_our_use = pod.status == PodStatus::in_use && stock_.is_ours(pod) && !pod.is_over;
      if (!is_in_our_use && stock_.claim(name)) remove(pod);
    }
    for (const auto& [language, missing] : plan.create) {
      Shelf& shelf = *stock_.shelf(language);
      for (int i = 0; i < missing && may_create(shelf); ++i) create(language, shelf, PodStatus::warm);
    }
  }

  bool may_create(const Shelf& shelf) const {
    return !stopping_ && stock_.in_creation() < settings_.parallel_creations && Clock::now() >= shelf.rest_until;
  }

  // One for each request for which none is on its way. What others make may become theirs or ours.
  void reserve(const std::string& language, Shelf& shelf) {
    std::size_t coming = stock_.coming(language);
    for (; coming < shelf.waiting.size() && may_create(shelf); ++coming) create(language, shelf, PodStatus::reserved);
  }

  void tidy_own() {
    for (const Pod& pod : stock_.left_over()) {
      stock_.claim(pod.name);
      const Shelf* shelf = stock_.shelf(pod.language);
      const bool is_good = pod.status == PodStatus::reserved && pod.is_ready && !pod.is_over;
      if (is_good && shelf != nullptr && shelf->floor > 0)
        removals_.spawn("giving a pod to all", give_to_all(pod));
      else
        remove(pod);
    }
  }

  void create(const std::string& language, Shelf& shelf, PodStatus status) {
    int& in_creation = status == PodStatus::warm ? shelf.warm_in_creation : shelf.reserved_in_creation;
    ++in_creation;
    tasks_.spawn("making a pod", create(language, shelf, status, in_creation));
  }

  awaitable<void> create(std::string language, Shelf& shelf, PodStatus status, int& in_creation) {
    auto made = co_await calls_.create(language, status);
    --in_creation;
    if (made) {
      shelf.was_accepted();
      stock_.expect(std::move(*made));
    } else if (!made.error().exists()) {
      const kubernetes::Refusal& refusal = made.error();
      shelf.fails(Shelf::Why::cluster_refuses, refusal.message.empty() ? refusal.reason : refusal.message);
    }
    stock_.tell_problem(language);
    changed_.announce();
  }

  // Of a pod that is claimed.
  void remove(const Pod& pod) { removals_.spawn("removing a pod", remove(pod.name, pod.uid)); }

  awaitable<void> remove(std::string name, std::string uid) {
    const std::string reason = co_await calls_.remove(name, std::move(uid));
    if (reason.empty()) co_return;
    log_warning("a pod could not be removed", {{"pod", name}, {"reason", reason}});
    stock_.release(name);  // so that it is tried again
  }

  awaitable<void> remove_used(std::string name, std::string uid) {
    co_await sleep_for(while_it_runs);
    co_await remove(std::move(name), std::move(uid));
  }

  awaitable<void> give_to_all(const Pod pod) {
    try {
      auto marked = co_await calls_.mark_warm(pod);
      if (marked) stock_.see_answer(std::move(*marked));
    } catch (const Failure& failure) {
      log_warning("a pod could not be given to all", {{"pod", pod.name}, {"reason", failure.what()}});
    }
    put_back(pod.name);
  }

  // The elected one asks pods that wait whether they live; for them it is the sign that somebody knows them.
  awaitable<void> ask_for_signs() {
    for (;;) {
      co_await sleep_for(between_signs);
      if (!election_.leads()) continue;
      const std::vector<Pod> waiting = stock_.on_offer();
      auto ask = [&](std::size_t number) -> awaitable<void> {
        const Pod& pod = waiting[number];
        const bool lives = co_await calls_.gives_sign(pod);
        if (lives) stock_.gave_sign(pod.name);
        if (lives || stock_.find(pod.name) == nullptr) co_return;
        if (stock_.missed_sign(pod.name) < most_missed_signs || !stock_.claim(pod.name)) co_return;
        log_warning("a pod that waits does not answer and is removed", {{"pod", pod.name}});
        remove(pod);
      };
      co_await for_each_index(waiting.size(), ask);
    }
  }

  // --- giving out ------------------------------------------------------------------------------------------------------

  void serve(const std::string& language) {
    if (!stopping_) stock_.serve(language);
  }

  // The name of a pod that is claimed for the caller.
  awaitable<std::string> wait_for_pod(Shelf& shelf, const Demand& demand, Deadline deadline) {
    if (stopping_ || !stock_.may_wait(demand.owner, settings_.most_waiting)) {
      ++statistics_.refusals;
      throw Failure(FailureKind::unavailable, "too many requests wait for a sandbox");
    }
    asio::steady_timer timer(executor_, deadline);
    PodWaiter me(timer);
    shelf.waiting.push(demand.owner, me);
    serve(demand.language);
    reserve(demand.language, shelf);
    ++statistics_.waits;
    const auto begin = Clock::now();
    while (me.pod.empty()) {
      boost::system::error_code woken;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
      if (woken || stopping_ || !stock_.is_coming(demand.language) || timer.expiry() >= demand.longest_wait) break;
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
    std::string why = shelf.refusal.empty() ? stock_.problem_of(demand.language) : shelf.refusal;
    if (!watch_.problem().empty()) why = watch_.problem();
    throw Failure(FailureKind::unavailable, "no pod became ready in time" + (why.empty() ? "" : " (" + why + ")"));
  }

  void put_back(const std::string& name) {
    stock_.release(name);
    if (const Pod* pod = stock_.find(name)) serve(pod->language);
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
    const std::string& name() const { return name_; }
    void keep() { pool_ = nullptr; }

   private:
    KubernetesPool* pool_;
    std::string name_;
  };

  // Null when somebody else has it, or it is dead.
  awaitable<std::unique_ptr<Lease>> take(Claim& claim, std::string owner, bool was_warm, Deadline deadline) {
    const std::string name = claim.name();
    const Pod* known = stock_.find(name);
    if (known == nullptr) co_return nullptr;
    const Pod pod = *known;
    auto attempt = both(calls_.mark_in_use(pod), calls_.gives_sign(pod));
    // It may have been waited for beyond the deadline, while others got theirs.
    auto taken = co_await until(std::max(deadline, Clock::now()) + beyond_deadline, std::move(attempt));
    // If it was marked all the same, it is one that no request has: tidy_own() finds it.
    if (!taken) throw Failure(FailureKind::unavailable, "the cluster did not answer in time");
    auto& [marked, lives] = *taken;
    if (!marked) {
      stock_.was_refused(pod);
      const kubernetes::Refusal& refusal = marked.error();
      if (refusal.is_conflict() || refusal.is_absent()) co_return nullptr;
      throw Failure(FailureKind::unavailable, "the cluster does not let us take a pod: " + refusal.message);
    }
    claim.keep();
    stock_.see_answer(std::move(*marked));
    if (!lives) {
      log_warning("a pod that was ready does not answer", {{"pod", name}});
      remove(pod);
      co_return nullptr;
    }
    changed_.announce();  // the next one is made while this one runs
    PodOnLoan loan(name, image_of(settings_, pod.language), pod);
    loan.found = was_warm ? FoundWarm::yes : FoundWarm::no;
    loan.room = net::BodyBudget::Share(room_for_files_);
    loan.room.belongs_to(owner);
    auto fate = [this, name] {
      const Pod* now = stock_.find(name);
      if (now != nullptr && now->lacked_memory) return PodFate::lacked_memory;
      return now == nullptr || now->is_over || now->is_leaving ? PodFate::gone : PodFate::lives;
    };
    auto end = [this, name, uid = pod.uid] { removals_.spawn("removing a pod", remove_used(name, uid)); };
    co_return make_pod_lease(http_, blocking_, settings_.spool, std::move(loan), std::move(fate), std::move(end));
  }

  asio::any_io_executor executor_;
  asio::thread_pool& blocking_;
  KubernetesSettings settings_;
  std::string home_;
  kubernetes::Client client_;
  net::client::Client http_;
  kubernetes::Watch watch_;
  kubernetes::Election election_;
  PodCalls calls_;
  PodStock stock_;
  Changes changed_;
  net::BodyBudget room_for_files_;
  bool stopping_ = false;
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
