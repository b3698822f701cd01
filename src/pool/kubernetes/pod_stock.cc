#include "pool/kubernetes/pod_stock.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/log.h"

namespace ci::pool {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto first_rest = std::chrono::seconds(1);     // after the cluster refused a pod, doubled each time …
constexpr auto longest_rest = std::chrono::seconds(60);  // … up to this
// A watch whose connection is half open says nothing for 90 s (kubernetes/watch.h): what we made meanwhile is there all the same.
constexpr auto longest_unseen = std::chrono::seconds(120);

}  // namespace

void Shelf::works() {
  refusal.clear();
  rest_ = {};
  rest_until = {};
}

void Shelf::was_accepted() {
  if (!refusal.empty() && why_ == Why::cluster_refuses) works();
}

void Shelf::fails(Why why, std::string reason) {
  refusal = std::move(reason);
  why_ = why;
  if (Clock::now() < rest_until) return;  // of the same round
  rest_ = std::clamp<Clock::duration>(2 * rest_, first_rest, longest_rest);
  rest_until = Clock::now() + rest_;
}

PodStock::PodStock(const KubernetesSettings& settings) : identity_(settings.identity), port_(settings.port) {
  for (const std::string& language : settings.languages) {
    Shelf& shelf = shelves_[language];
    shelf.revision = revision_of(settings, language);
    const auto floor = settings.floors.find(language);
    if (settings.keep_warm && floor != settings.floors.end()) shelf.floor = floor->second;
  }
}

Shelf* PodStock::shelf(const std::string& language) {
  const auto found = shelves_.find(language);
  return found == shelves_.end() ? nullptr : &found->second;
}

const Pod* PodStock::find(const std::string& name) const {
  const auto found = pods_.find(name);
  return found == pods_.end() ? nullptr : &found->second;
}

std::string PodStock::see(const std::string& name, const kubernetes::object* now) {
  unseen_.erase(name);
  if (now == nullptr) {
    const auto known = pods_.extract(name);
    claimed_.erase(name);
    refused_.erase(name);
    missed_.erase(name);
    return known ? known.mapped().language : "";
  }
  Pod pod = read_pod(*now, port_);
  std::string language = pod.language;
  learn_from(pod);
  keep(pods_[name], std::move(pod));
  return language;
}

void PodStock::see_answer(Pod pod) {
  if (const auto known = pods_.find(pod.name); known != pods_.end()) keep(known->second, std::move(pod));
}

void PodStock::keep(Pod& known, Pod pod) {
  pod.was_ready = pod.is_ready || known.was_ready;
  known = std::move(pod);
}

void PodStock::expect(Pod pod) {
  std::string name = pod.name;
  if (pods_.try_emplace(name, std::move(pod)).second) unseen_[std::move(name)] = Clock::now();
}

void PodStock::forget_unseen() {
  const auto oldest = Clock::now() - longest_unseen;
  std::vector<std::string> gone;
  for (const auto& [name, since] : unseen_) {
    if (since < oldest) gone.push_back(name);
  }
  for (const std::string& name : gone) see(name, nullptr);
}

// Pods that end before anybody wanted them must not be made one after the other.
void PodStock::learn_from(const Pod& pod) {
  Shelf* place = shelf(pod.language);
  if (place == nullptr || pod.revision != place->revision) return;
  const Pod* before = find(pod.name);
  const bool was_over = before != nullptr && before->is_over, was_ready = before != nullptr && before->is_ready;
  if (pod.is_ready && !was_ready && !pod.is_over) place->works();
  if (pod.has_failed && !was_over && pod.status != PodStatus::in_use) place->fails(Shelf::Why::pod_failed, pod.problem);
}

const Pod* PodStock::candidate(const std::string& language) const {
  const Pod* best = nullptr;
  const Shelf& shelf = shelves_.at(language);
  for (const auto& [name, pod] : pods_) {
    if (pod.language != language || !pod.is_ready || pod.is_leaving || pod.is_over || pod.address.empty()) continue;
    const bool is_free = pod.status == PodStatus::warm || (pod.status == PodStatus::reserved && is_ours(pod));
    if (!is_free || pod.revision != shelf.revision || is_claimed(name)) continue;
    const auto refused = refused_.find(name);
    if (refused != refused_.end() && refused->second == pod.version) continue;
    if (best == nullptr || std::tie(pod.created, name) < std::tie(best->created, best->name)) best = &pod;
  }
  return best;
}

void PodStock::serve(const std::string& language) {
  Shelf* place = shelf(language);
  if (place == nullptr) return;
  while (!place->waiting.empty()) {
    const Pod* free = candidate(language);
    if (free == nullptr) return;
    PodWaiter* waiter = place->waiting.pop();
    waiter->pod = free->name;
    claim(free->name);
    waiter->timer.cancel();
  }
}

std::size_t PodStock::coming(const std::string& language) const {
  const Shelf& shelf = shelves_.at(language);
  auto count = static_cast<std::size_t>(shelf.warm_in_creation + shelf.reserved_in_creation);
  for (const auto& [name, pod] : pods_) {
    if (pod.language != language || pod.is_leaving || pod.is_over || pod.was_ready) continue;
    // One of ours that finds no image counts: another would not find it either.
    const bool is_of_all = pod.status == PodStatus::warm && pod.problem.empty();
    const bool is_reserved = pod.status == PodStatus::reserved && is_ours(pod);
    if ((is_of_all || is_reserved) && pod.revision == shelf.revision) ++count;
  }
  return count;
}

bool PodStock::is_coming(const std::string& language) const {
  return shelves_.at(language).refusal.empty() && count(language).creating > 0 && problem_of(language).empty();
}

int PodStock::in_creation() const {
  int sum = 0;
  for (const auto& [language, shelf] : shelves_) sum += shelf.warm_in_creation + shelf.reserved_in_creation;
  return sum;
}

std::map<std::string, PodWish> PodStock::wishes() const {
  std::map<std::string, PodWish> wishes;
  for (const auto& [language, shelf] : shelves_) {
    PodWish& wish = wishes[language];
    wish.floor = shelf.floor;
    wish.revision = shelf.revision;
    wish.in_creation = shelf.warm_in_creation;
  }
  return wishes;
}

bool PodStock::may_wait(const std::string& owner, std::size_t most) const {
  std::size_t all = 0, own = 0;
  for (const auto& [language, shelf] : shelves_) {
    all += shelf.waiting.size();
    own += shelf.waiting.size_of(owner);
  }
  return ci::may_wait(own, all, most);
}

std::vector<Pod> PodStock::left_over() const {
  std::vector<Pod> found;
  for (const auto& [name, pod] : pods_) {
    if (!is_ours(pod) || pod.is_leaving || is_claimed(name)) continue;
    const auto shelf = shelves_.find(pod.language);
    const bool is_wanted = shelf != shelves_.end() && !shelf->second.waiting.empty();
    const bool is_settled = pod.is_ready || !pod.problem.empty();
    const bool is_idle = pod.status == PodStatus::reserved && is_settled && !is_wanted;
    if (pod.status == PodStatus::in_use || pod.is_over || is_idle) found.push_back(pod);
  }
  return found;
}

std::vector<Pod> PodStock::on_offer() const {
  std::vector<Pod> found;
  for (const auto& [name, pod] : pods_) {
    if (pod.status == PodStatus::warm && pod.was_ready && !pod.is_leaving && !is_claimed(name)) found.push_back(pod);
  }
  return found;
}

LanguageStatistics PodStock::count(const std::string& language) const {
  const Shelf& shelf = shelves_.at(language);
  LanguageStatistics sum;
  sum.target = static_cast<std::uint64_t>(shelf.floor);
  sum.creating = static_cast<std::uint64_t>(shelf.warm_in_creation + shelf.reserved_in_creation);
  for (const auto& [name, pod] : pods_) {
    if (pod.language != language || pod.is_leaving || pod.is_over) continue;
    if (pod.status == PodStatus::in_use)
      ++sum.in_use;
    else if (pod.revision == shelf.revision && pod.is_ready)
      ++sum.available;
    else if (pod.revision == shelf.revision && !pod.was_ready)
      ++sum.creating;
  }
  return sum;
}

bool PodStock::is_warm() const {
  return std::ranges::all_of(shelves_, [this](const auto& entry) {
    const auto& [language, shelf] = entry;
    return shelf.floor == 0 || !shelf.refusal.empty() || !problem_of(language).empty() || count(language).available > 0;
  });
}

std::vector<std::string> PodStock::problems() const {
  std::vector<std::string> found;
  for (const auto& [language, shelf] : shelves_) {
    if (!shelf.refusal.empty()) found.push_back(language + ": " + shelf.refusal);
    if (std::string problem = problem_of(language); !problem.empty()) found.push_back(language + ": " + problem);
  }
  return found;
}

std::string PodStock::problem_of(const std::string& language) const {
  const Shelf& shelf = shelves_.at(language);
  for (const auto& [name, pod] : pods_) {
    const bool is_to_start = pod.status != PodStatus::in_use && !pod.is_ready && !pod.is_over && !pod.is_leaving;
    if (pod.language == language && pod.revision == shelf.revision && is_to_start && !pod.problem.empty())
      return pod.problem;
  }
  return "";
}

void PodStock::tell_problem(const std::string& language) {
  const Shelf* place = shelf(language);
  if (place == nullptr) return;
  const std::string problem = place->refusal.empty() ? problem_of(language) : place->refusal;
  const bool is_told = told_.contains(language);
  if (!problem.empty() && !is_told) {
    told_.insert(language);
    log_warning("pods cannot be made", {{"language", language}, {"reason", problem}});
  } else if (problem.empty() && is_told && count(language).available > 0) {
    told_.erase(language);
    log_info("pods can be made again", {{"language", language}});
  }
}

}  // namespace ci::pool
