#pragma once
// How execution pods are made, as an operator says it.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ci::pool {

// Quantities as Kubernetes writes them: "500m", "512Mi". Empty: that of all languages.
struct PodOfLanguage {
  std::string image;
  std::string cpu_limit, memory_limit, cpu_request, memory_request;
};

struct KubernetesSettings {
  std::filesystem::path kubeconfig;  // empty: as kubectl finds it
  std::string home;                  // namespace of the pods; empty: our own
  std::string account = "kubecoderun-executor";
  std::string image_registry, image_tag;  // "REGISTRY-python:TAG", where a language has no image of its own
  std::string pull_policy = "IfNotPresent";
  std::vector<std::string> pull_secrets;
  PodOfLanguage all;                          // `image` is for all languages, when it is set
  std::map<std::string, PodOfLanguage> each;  // by language code
  int user = 65532;
  std::string seccomp = "RuntimeDefault";
  std::string runtime_class;
  std::string node_selector, tolerations;  // JSON as in a pod's spec; empty: none
  int port = 8080;

  std::string identity;                // of this replica, unique among all
  std::string version;                 // of this program: pods of another one are replaced
  std::vector<std::string> languages;  // codes that are offered
  std::map<std::string, int> floors;   // warm pods of each language
  bool keep_warm = true;
  int parallel_creations = 5;
  std::chrono::milliseconds refill_interval{2000};
  bool refill_at_once = true;
  std::chrono::minutes ttl{5};                                   // of pods in use whose replica is gone
  std::chrono::milliseconds longest_run{60000};                  // with compiling
  std::size_t most_waiting = 1000;                               // requests
  std::vector<std::pair<std::string, std::string>> environment;  // of the runner
  std::filesystem::path spool{"/tmp"};                           // for files that programs leave, until they are stored
};

}  // namespace ci::pool
