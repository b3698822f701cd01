#include "pool/kubernetes/plan.h"

#include <algorithm>
#include <tuple>

#include "base/time_text.h"

namespace ci::pool {

namespace {

bool is_left_behind(const Pod& pod, std::chrono::system_clock::time_point now, std::chrono::seconds ttl) {
  const auto since = parse_iso_time(pod.taken_at.empty() ? pod.created : pod.taken_at);
  return since && now - *since > ttl;
}

}  // namespace

PodPlan plan_pods(
    const std::map<std::string, Pod>& pods, const std::map<std::string, PodWish>& wishes,
    std::chrono::system_clock::time_point now, std::chrono::seconds ttl) {
  PodPlan plan;
  std::map<std::string, std::vector<const Pod*>> warm;
  for (const auto& [name, pod] : pods) {
    if (pod.is_leaving || pod.status == PodStatus::unknown) continue;
    const auto wish = wishes.find(pod.language);
    const bool is_of_now = wish != wishes.end() && wish->second.floor > 0 && wish->second.revision == pod.revision;
    if (pod.is_over) {
      plan.remove.push_back(name);
    } else if (pod.status != PodStatus::warm) {
      if (is_left_behind(pod, now, ttl)) plan.remove.push_back(name);
    } else if (is_of_now && pod.was_ready && !pod.is_ready) {
      // Its node may be lost, and then it is not there for anybody. What does not answer is removed by whoever asks (PodCalls).
    } else if (is_of_now && !pod.is_ready && is_left_behind(pod, now, ttl)) {
      plan.remove.push_back(name);
    } else if (is_of_now) {
      warm[pod.language].push_back(&pod);
    } else {
      plan.remove.push_back(name);
    }
  }
  for (const auto& [language, wish] : wishes) {
    std::vector<const Pod*>& there = warm[language];
    const int count = static_cast<int>(there.size()) + wish.in_creation;
    if (count < wish.floor) plan.create[language] = wish.floor - count;
    if (count <= wish.floor) continue;
    // Those that are not ready go first, then the youngest.
    std::ranges::sort(there, [](const Pod* a, const Pod* b) {
      return std::tuple(a->is_ready, b->created, b->name) < std::tuple(b->is_ready, a->created, a->name);
    });
    const auto surplus = std::min<std::size_t>(there.size(), static_cast<std::size_t>(count - wish.floor));
    for (std::size_t i = 0; i < surplus; ++i) plan.remove.push_back(there[i]->name);
  }
  return plan;
}

}  // namespace ci::pool
