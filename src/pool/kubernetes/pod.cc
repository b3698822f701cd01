#include "pool/kubernetes/pod.h"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "base/failure.h"
#include "base/sha256.h"
#include "base/time_text.h"
#include "kubernetes/client.h"
#include "kubernetes/watch.h"

namespace ci::pool {

namespace json = boost::json;
using kubernetes::metadata_of;
using kubernetes::object_at;
using kubernetes::text_at;

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 13> image_names = {{
    {"py", "python"},
    {"js", "nodejs"},
    {"ts", "nodejs"},
    {"go", "go"},
    {"java", "java"},
    {"c", "c-cpp"},
    {"cpp", "c-cpp"},
    {"php", "php"},
    {"rs", "rust"},
    {"r", "r"},
    {"f90", "fortran"},
    {"d", "d"},
    {"bash", "bash"},
}};

// Reasons for which a container waits and which do not pass by themselves in a moment.
constexpr std::array<std::string_view, 8> lasting_reasons = {
    "ErrImagePull",         "ImagePullBackOff",  "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError",
    "CreateContainerError", "RunContainerError", "CrashLoopBackOff"};

const json::array& array_at(const json::object& from, std::string_view field) {
  static const json::array none;
  const json::value* value = from.if_contains(field);
  return value != nullptr && value->is_array() ? value->get_array() : none;
}

PodStatus status_of(std::string_view text) {
  for (const PodStatus status : {PodStatus::warm, PodStatus::reserved, PodStatus::in_use}) {
    if (name_of(status) == text) return status;
  }
  return PodStatus::unknown;
}

std::string token_of(const json::object& spec) {
  for (const json::value& container : array_at(spec, "containers")) {
    if (!container.is_object()) continue;
    for (const json::value& variable : array_at(container.get_object(), "env")) {
      if (variable.is_object() && text_at(variable.get_object(), "name") == "RUNNER_TOKEN")
        return text_at(variable.get_object(), "value");
    }
  }
  return "";
}

void read_status(Pod& pod, const json::object& status, int port) {
  const std::string address = text_at(status, "podIP");
  if (!address.empty()) {
    pod.address = (address.contains(':') ? "[" + address + "]" : address) + ":" + std::to_string(port);
  }
  const std::string phase = text_at(status, "phase");
  pod.has_failed = phase == "Failed";
  pod.is_over = pod.has_failed || phase == "Succeeded";
  for (const json::value& one : array_at(status, "conditions")) {
    if (!one.is_object()) continue;
    const json::object& condition = one.get_object();
    const std::string type = text_at(condition, "type");
    const bool is_true = text_at(condition, "status") == "True";
    if (type == "Ready") pod.is_ready = is_true;
    if (type == "PodScheduled" && !is_true && text_at(condition, "reason") == "Unschedulable")
      pod.problem = "it finds no node: " + text_at(condition, "message");
  }
  for (const json::value& one : array_at(status, "containerStatuses")) {
    if (!one.is_object()) continue;
    const json::object& state = object_at(one.get_object(), "state");
    if (const json::object& end = object_at(state, "terminated"); pod.has_failed) {
      const std::string said = text_at(end, "message"), why = text_at(end, "reason");
      pod.lacked_memory = pod.lacked_memory || why == "OOMKilled";
      pod.problem =
          "its runner ended (" + why + "): " + said.substr(said.size() - std::min<std::size_t>(said.size(), 500));
    }
    const json::object& waiting = object_at(state, "waiting");
    const std::string reason = text_at(waiting, "reason");
    for (const std::string_view lasting : lasting_reasons) {
      if (reason == lasting) pod.problem = reason + ": " + text_at(waiting, "message");
    }
  }
}

std::string chosen(const std::string& own, const std::string& general) { return own.empty() ? general : own; }

json::object variable(std::string_view name, std::string_view value) {
  json::object object;
  object["name"] = name;
  object["value"] = value;
  return object;
}

json::value parsed(const std::string& text, const char* setting) {
  json::error_code error;
  json::value value = json::parse(text, error);
  if (error) throw Failure(FailureKind::invalid, std::string(setting) + " is no JSON");
  return value;
}

json::object probe(const char* path, int period, int failures) {
  json::object object;
  json::object& get = object["httpGet"].emplace_object();
  get["path"] = path;
  get["port"] = "http";
  object["periodSeconds"] = period;
  object["timeoutSeconds"] = 5;
  object["failureThreshold"] = failures;
  return object;
}

json::object volume(const char* name, const char* limit) {
  json::object object;
  object["name"] = name;
  object["emptyDir"].emplace_object()["sizeLimit"] = limit;
  return object;
}

json::object container_of(const KubernetesSettings& settings, const std::string& language, const std::string& token) {
  const auto own = settings.each.find(language);
  const PodOfLanguage mine = own == settings.each.end() ? PodOfLanguage() : own->second;
  json::object container;
  container["name"] = "main";
  container["image"] = image_of(settings, language);
  container["imagePullPolicy"] = settings.pull_policy;
  container["args"] = json::array{"runner"};
  container["terminationMessagePolicy"] = "FallbackToLogsOnError";  // so that we hear why it ended
  json::object port;
  port["name"] = "http";
  port["containerPort"] = settings.port;
  container["ports"] = json::array{port};
  json::array& environment = container["env"].emplace_array();
  environment.push_back(variable("RUNNER_TOKEN", token));
  environment.push_back(variable("RUNNER_PORT", std::to_string(settings.port)));
  environment.push_back(variable("LANGUAGE", language));
  for (const auto& [name, value] : settings.environment) environment.push_back(variable(name, value));
  json::object limits, requests;
  const auto add = [](json::object& to, const char* name, const std::string& value) {
    if (!value.empty()) to[name] = value;
  };
  add(limits, "cpu", chosen(mine.cpu_limit, settings.all.cpu_limit));
  add(limits, "memory", chosen(mine.memory_limit, settings.all.memory_limit));
  add(requests, "cpu", chosen(mine.cpu_request, settings.all.cpu_request));
  add(requests, "memory", chosen(mine.memory_request, settings.all.memory_request));
  json::object& resources = container["resources"].emplace_object();
  resources["limits"] = std::move(limits);
  resources["requests"] = std::move(requests);
  json::object& security = container["securityContext"].emplace_object();
  security["runAsUser"] = settings.user;
  security["runAsGroup"] = settings.user;
  security["runAsNonRoot"] = true;
  security["allowPrivilegeEscalation"] = false;
  security["readOnlyRootFilesystem"] = true;
  security["capabilities"].emplace_object()["drop"] = json::array{"ALL"};
  container["readinessProbe"] = probe("/ready", 1, 3);
  json::array& mounts = container["volumeMounts"].emplace_array();
  for (const auto& [name, path] : {std::pair("shared-data", "/mnt/data"), std::pair("tmp", "/tmp")}) {
    json::object mount;
    mount["name"] = name;
    mount["mountPath"] = path;
    mounts.push_back(std::move(mount));
  }
  return container;
}

json::object spec_of(const KubernetesSettings& settings, const std::string& language, const std::string& token) {
  json::object spec;
  spec["restartPolicy"] = "Never";
  spec["terminationGracePeriodSeconds"] = 5;
  spec["automountServiceAccountToken"] = false;
  spec["enableServiceLinks"] = false;
  spec["hostname"] = "sandbox";
  if (!settings.account.empty()) spec["serviceAccountName"] = settings.account;
  json::object& security = spec["securityContext"].emplace_object();
  security["fsGroup"] = settings.user;
  security["seccompProfile"].emplace_object()["type"] = settings.seccomp;
  if (!settings.runtime_class.empty()) spec["runtimeClassName"] = settings.runtime_class;
  if (!settings.node_selector.empty()) spec["nodeSelector"] = parsed(settings.node_selector, "K8S_POD_NODE_SELECTOR");
  if (!settings.tolerations.empty()) spec["tolerations"] = parsed(settings.tolerations, "K8S_POD_TOLERATIONS");
  for (const std::string& secret : settings.pull_secrets) {
    json::object one;
    one["name"] = secret;
    if (!spec.contains("imagePullSecrets")) spec["imagePullSecrets"].emplace_array();
    spec["imagePullSecrets"].get_array().push_back(std::move(one));
  }
  spec["containers"] = json::array{container_of(settings, language, token)};
  spec["volumes"] = json::array{volume("shared-data", "1Gi"), volume("tmp", "1Gi")};
  return spec;
}

}  // namespace

std::string_view name_of(PodStatus status) {
  switch (status) {
    case PodStatus::warm:
      return "warm";
    case PodStatus::reserved:
      return "reserved";
    case PodStatus::in_use:
      return "in-use";
    case PodStatus::unknown:
      break;
  }
  return "unknown";
}

std::string image_of(const KubernetesSettings& settings, const std::string& language) {
  const auto own = settings.each.find(language);
  if (own != settings.each.end() && !own->second.image.empty()) return own->second.image;
  if (!settings.all.image.empty()) return settings.all.image;
  for (const auto& [code, name] : image_names) {
    if (code != language) continue;
    const std::string plain = std::string(name) + ":" + settings.image_tag;
    return settings.image_registry.empty() ? plain : settings.image_registry + "-" + plain;
  }
  return "";
}

std::string revision_of(const KubernetesSettings& settings, const std::string& language) {
  return sha256_hex(settings.version + json::serialize(spec_of(settings, language, ""))).substr(0, 12);
}

json::object pod_object(
    const KubernetesSettings& settings, const std::string& language, PodStatus status, const std::string& name,
    const std::string& token) {
  json::object pod;
  pod["apiVersion"] = "v1";
  pod["kind"] = "Pod";
  json::object& metadata = pod["metadata"].emplace_object();
  metadata["name"] = name;
  json::object& marks = metadata["labels"].emplace_object();
  marks[labels::name] = "kubecoderun";
  marks[labels::component] = "execution";
  marks[labels::managed_by] = "kubecoderun";
  marks[labels::language] = language;
  marks[labels::type] = "pool";
  marks[labels::status] = name_of(status);
  marks[labels::revision] = revision_of(settings, language);
  if (status != PodStatus::warm) marks[labels::instance] = settings.identity;
  pod["spec"] = spec_of(settings, language, token);
  return pod;
}

kubernetes::Selection selection_of(const std::string& home) {
  kubernetes::Selection selection(kubernetes::kinds::pod, home);
  selection.labels = std::string(labels::selector) + "," + std::string(labels::revision);
  return selection;
}

Pod read_pod(const json::object& object, int port) {
  Pod pod;
  pod.name = metadata_of(object, "name");
  pod.uid = metadata_of(object, "uid");
  pod.version = metadata_of(object, "resourceVersion");
  pod.created = metadata_of(object, "creationTimestamp");
  pod.is_leaving = !metadata_of(object, "deletionTimestamp").empty();
  const json::object& metadata = object_at(object, "metadata");
  const json::object& marks = object_at(metadata, "labels");
  pod.language = text_at(marks, labels::language);
  pod.instance = text_at(marks, labels::instance);
  pod.revision = text_at(marks, labels::revision);
  pod.status = status_of(text_at(marks, labels::status));
  pod.taken_at = text_at(object_at(metadata, "annotations"), labels::taken_at);
  pod.token = token_of(object_at(object, "spec"));
  read_status(pod, object_at(object, "status"), port);
  return pod;
}

}  // namespace ci::pool
