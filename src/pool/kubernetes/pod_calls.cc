#include "pool/kubernetes/pod_calls.h"

#include <fmt/format.h>

#include <utility>

#include "base/failure.h"
#include "base/ids.h"
#include "base/sha256.h"
#include "base/time_text.h"

namespace ci::pool {

using kubernetes::object;
using kubernetes::Refusal;

namespace {

// How long a runner may take to accept a connection, and to say that it is there.
constexpr std::chrono::seconds patience_for_a_sign{2};

// Only as long as the pod is as `pod` says. `instance`: empty when it is nobody's.
object changes_to(const Pod& pod, PodStatus status, const std::string& instance) {
  object changes;
  object& metadata = changes["metadata"].emplace_object();
  metadata["resourceVersion"] = pod.version;
  object& marks = metadata["labels"].emplace_object();
  marks[labels::status] = name_of(status);
  boost::json::value& owner = marks[labels::instance];  // null
  if (!instance.empty()) owner = instance;
  return changes;
}

}  // namespace

net::client::Settings settings_for_runners() {
  net::client::Settings settings;
  settings.proxies = false;  // pods are neighbours
  settings.connect_timeout = patience_for_a_sign;
  settings.connections = 1000;
  return settings;
}

PodCalls::PodCalls(
    const KubernetesSettings& settings, kubernetes::Client& client, const kubernetes::Election& election,
    net::client::Client& http, std::string home)
    : settings_(settings), client_(client), election_(election), http_(http), home_(std::move(home)) {}

awaitable<kubernetes::Answer<Pod>> PodCalls::create(std::string language, PodStatus status) {
  const std::string name = fmt::format("pool-{}-{}", language, sha256_hex(random_token(16)).substr(0, 8));
  std::string failed;
  try {
    object wanted = pod_object(settings_, language, status, name, random_token(24));
    election_.own(wanted);
    auto answer = co_await client_.create(kubernetes::kinds::pod, home_, std::move(wanted));
    if (answer) co_return read_pod(*answer, settings_.port);
    co_return std::unexpected(std::move(answer.error()));
  } catch (const Failure& failure) {
    failed = failure.what();
  }
  co_return std::unexpected(Refusal(0, "Unreachable", std::move(failed)));
}

awaitable<std::string> PodCalls::remove(std::string name, std::string uid) {
  kubernetes::Removal removal;
  removal.grace = std::chrono::seconds(0);
  removal.uid = std::move(uid);
  try {
    const auto answer = co_await client_.remove(kubernetes::kinds::pod, home_, std::move(name), removal);
    if (answer || answer.error().is_absent() || answer.error().is_conflict()) co_return std::string();
    co_return answer.error().message;
  } catch (const Failure& failure) {
    co_return failure.what();
  }
}

awaitable<kubernetes::Answer<Pod>> PodCalls::mark_in_use(const Pod& pod) {
  object changes = changes_to(pod, PodStatus::in_use, settings_.identity);
  object& metadata = changes["metadata"].get_object();
  metadata["annotations"].emplace_object()[labels::taken_at] = iso_time_z(std::chrono::system_clock::now());
  return patch(pod.name, std::move(changes));
}

awaitable<kubernetes::Answer<Pod>> PodCalls::mark_warm(const Pod& pod) {
  return patch(pod.name, changes_to(pod, PodStatus::warm, ""));
}

awaitable<kubernetes::Answer<Pod>> PodCalls::patch(std::string name, object changes) {
  auto answer = co_await client_.patch(kubernetes::kinds::pod, home_, std::move(name), std::move(changes));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return read_pod(*answer, settings_.port);
}

awaitable<bool> PodCalls::gives_sign(const Pod& pod) {
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

}  // namespace ci::pool
