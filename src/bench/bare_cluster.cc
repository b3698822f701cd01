#include "bench/bare_cluster.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/failure.h"
#include "base/run_until.h"
#include "bench/cases.h"
#include "bench/interrupt.h"
#include "kubernetes/watch.h"
#include "pool/kubernetes/pod.h"

namespace ci::bench {

namespace {

using Clock = std::chrono::steady_clock;
using kubernetes::Answer;
using kubernetes::object;

constexpr std::chrono::seconds longest_pod_start{120};
constexpr std::chrono::milliseconds between_pod_looks{50};
constexpr int runner_port = 8080;  // when a pod does not say

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

object checked(Answer<object> answer, const char* doing) {
  if (answer) return std::move(*answer);
  throw Failure(FailureKind::unavailable, fmt::format("{}: {}", doing, answer.error().message));
}

// A pod of the pool as one that is nobody's: the pool must neither take nor remove it.
object copy_of(const object& model, const std::string& name) {
  object pod;
  pod["apiVersion"] = "v1";
  pod["kind"] = "Pod";
  object& metadata = pod["metadata"].emplace_object();
  metadata["name"] = name;
  metadata["labels"].emplace_object()[pool::labels::managed_by] = "kubecoderun-bench";
  object& spec = pod["spec"].emplace_object();
  spec = kubernetes::object_at(model, "spec");
  spec.erase("nodeName");  // so that the scheduler has its part
  return pod;
}

}  // namespace

BareCluster::BareCluster() : client_(context_.get_executor(), blocking_, kubernetes::find_access(variable)) {
  kubernetes::Selection pods(kubernetes::kinds::pod, client_.access().home);
  pods.labels = std::string(pool::labels::selector) + "," + std::string(pool::labels::language) + "=py";
  auto found = wait_for(client_.list(pods));
  if (!found || found->items.empty()) {
    throw Failure(
        FailureKind::unavailable,
        "there are no pods of Python in the namespace " + client_.access().home + " of " + client_.access().origin);
  }
  model_ = std::move(found->items.front());
  home_ = kubernetes::metadata_of(model_, "namespace");
}

BareCluster::~BareCluster() {
  try {
    remove_pod();
  } catch (const std::exception&) {  // what it is told about is being measured
  }
  context_.stop();
  blocking_.join();
}

template <class T>
T BareCluster::wait_for(awaitable<T> work) {
  std::optional<T> result;
  std::exception_ptr failure;
  bool done = false;
  asio::co_spawn(context_, std::move(work), [&](std::exception_ptr error, T value) {
    failure = error;
    if (!error) result.emplace(std::move(value));
    done = true;
  });
  run_until(context_, [&] { return done; });
  if (failure) std::rethrow_exception(failure);
  return std::move(*result);
}

void BareCluster::remove_pod() {
  if (name_.empty()) return;
  kubernetes::Removal removal;
  removal.grace = std::chrono::seconds(0);
  wait_for(client_.remove(kubernetes::kinds::pod, home_, std::exchange(name_, ""), removal));
}

double BareCluster::make_pod() {
  remove_pod();
  const std::string name = fmt::format("bench-{}-{}", fresh_number(), ++made_);
  object wanted = copy_of(model_, name);
  const auto begin = Clock::now();
  checked(wait_for(client_.create(kubernetes::kinds::pod, home_, std::move(wanted))), "making a pod");
  name_ = name;
  for (;;) {
    const object now = checked(wait_for(client_.find(kubernetes::kinds::pod, home_, name)), "looking at a pod");
    const pool::Pod pod = pool::read_pod(now, runner_port);
    if (pod.is_ready) {
      address_ = pod.address;
      return milliseconds_since(begin);
    }
    if (pod.is_over || milliseconds_since(begin) > std::chrono::duration<double, std::milli>(longest_pod_start).count())
      throw Failure(FailureKind::unavailable, "a pod like those of the pool does not start: " + pod.problem);
    if (interrupted()) throw Failure(FailureKind::unavailable, "interrupted");
    asio::steady_timer pause(context_, between_pod_looks);
    bool over = false;
    pause.async_wait([&over](boost::system::error_code) { over = true; });
    run_until(context_, [&over] { return over; });
  }
}

double BareCluster::change_pod() {
  object changes;
  changes["metadata"].emplace_object()["labels"].emplace_object()["kubecoderun.io/bench"] =
      std::to_string(fresh_number());
  const auto begin = Clock::now();
  checked(wait_for(client_.patch(kubernetes::kinds::pod, home_, name_, std::move(changes))), "changing a pod");
  return milliseconds_since(begin);
}

}  // namespace ci::bench
