#pragma once
// What the elected replica does about the pods of all replicas. Values only.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "pool/kubernetes/pod.h"

namespace ci::pool {

struct PodWish {
  int floor = 0;         // warm pods
  std::string revision;  // that they must have
  int in_creation = 0;   // asked for, and not among the pods yet
};

struct PodPlan {
  std::map<std::string, int> create;  // by language
  std::vector<std::string> remove;    // names
};

// `ttl`: of pods that a replica has, from when it took them, and of those that do not become ready. What has no status of ours is left
// alone.
PodPlan plan_pods(
    const std::map<std::string, Pod>& pods, const std::map<std::string, PodWish>& wishes,
    std::chrono::system_clock::time_point now, std::chrono::seconds ttl);

}  // namespace ci::pool
