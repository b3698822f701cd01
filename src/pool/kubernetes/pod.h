#pragma once
// An execution pod as an object of the cluster: what we ask for, and what we read. Values only.

#include <boost/json/object.hpp>
#include <chrono>
#include <string>
#include <string_view>

#include "kubernetes/client.h"
#include "pool/kubernetes_settings.h"

namespace ci::pool {

// Labels and annotations. Those that the Python KubeCodeRun has are as there, since operators select by them.
namespace labels {
inline constexpr std::string_view managed_by = "app.kubernetes.io/managed-by";
inline constexpr std::string_view name = "app.kubernetes.io/name";
inline constexpr std::string_view component = "app.kubernetes.io/component";
inline constexpr std::string_view language = "kubecoderun.io/language";
inline constexpr std::string_view type = "kubecoderun.io/type";
inline constexpr std::string_view status = "kubecoderun.io/pool-status";
inline constexpr std::string_view instance = "kubecoderun.io/instance";  // the replica that has it
inline constexpr std::string_view revision = "kubecoderun.io/revision";  // of what it was made from
inline constexpr std::string_view taken_at = "kubecoderun.io/taken-at";  // an annotation
// All pods of ours, and no others.
inline constexpr std::string_view selector =
    "app.kubernetes.io/managed-by=kubecoderun,app.kubernetes.io/component=execution";
}  // namespace labels

enum class PodStatus {
  warm,      // for whoever takes it first
  reserved,  // made for a request of one replica
  in_use,
  unknown,
};
std::string_view name_of(PodStatus status);

struct Pod {
  std::string name, uid, version;
  std::string language, instance, revision;
  PodStatus status = PodStatus::unknown;
  std::string address;  // host:port of its runner; empty while it has none
  std::string token;
  std::string created, taken_at;  // RFC 3339
  bool is_ready = false;
  bool was_ready = false;      // at any time, as far as we have seen (PodStock)
  bool is_over = false;        // its container has ended
  bool has_failed = false;     // and not as it should
  bool lacked_memory = false;  // the kernel ended it at the limit of its memory
  bool is_leaving = false;     // it is being removed
  std::string problem;         // why it does not start: an image, a node. Empty: nothing is known
};

// Pods of this server, not of the Python KubeCodeRun, in a namespace.
kubernetes::Selection selection_of(const std::string& home);

Pod read_pod(const boost::json::object& object, int port);

// The object that makes one. `instance`: of this replica, empty for a warm one.
boost::json::object pod_object(
    const KubernetesSettings& settings, const std::string& language, PodStatus status, const std::string& name,
    const std::string& token);

// Changes with everything that decides what a pod of the language is: image, limits, environment.
std::string revision_of(const KubernetesSettings& settings, const std::string& language);

// The image of a language; empty when nothing says which.
std::string image_of(const KubernetesSettings& settings, const std::string& language);

}  // namespace ci::pool
