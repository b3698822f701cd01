#include "pool/kubernetes/pod.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "base/failure.h"
#include "base/time_text.h"
#include "pool/kubernetes/plan.h"

namespace ci::pool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
namespace json = boost::json;

KubernetesSettings sample() {
  KubernetesSettings settings;
  settings.image_registry = "registry/kcr";
  settings.image_tag = "1";
  settings.identity = "me";
  settings.all.memory_limit = "512Mi";
  return settings;
}

json::value made(const KubernetesSettings& settings, PodStatus status = PodStatus::warm) {
  return pod_object(settings, "py", status, "pool-py-1", "secret");
}

TEST(Pod, HasTheLabelsThatOperatorsSelectBy) {
  const json::value pod = made(sample());
  const json::object& marks = pod.at_pointer("/metadata/labels").as_object();
  EXPECT_EQ(marks.at("app.kubernetes.io/managed-by").as_string(), "kubecoderun");
  EXPECT_EQ(marks.at("kubecoderun.io/language").as_string(), "py");
  EXPECT_EQ(marks.at("kubecoderun.io/pool-status").as_string(), "warm");
  EXPECT_FALSE(marks.contains("kubecoderun.io/instance"));
  EXPECT_EQ(
      made(sample(), PodStatus::reserved).at_pointer("/metadata/labels").at("kubecoderun.io/instance").as_string(),
      "me");
}

TEST(Pod, GetsNothingOfTheClusterAndNoRights) {
  const json::value pod = made(sample());
  EXPECT_FALSE(pod.at_pointer("/spec/automountServiceAccountToken").as_bool());
  EXPECT_FALSE(pod.at_pointer("/spec/enableServiceLinks").as_bool());
  EXPECT_EQ(pod.at_pointer("/spec/securityContext/seccompProfile/type").as_string(), "RuntimeDefault");
  const json::value& security = pod.at_pointer("/spec/containers/0/securityContext");
  EXPECT_TRUE(security.at("runAsNonRoot").as_bool());
  EXPECT_TRUE(security.at("readOnlyRootFilesystem").as_bool());
  EXPECT_FALSE(security.at("allowPrivilegeEscalation").as_bool());
  EXPECT_EQ(security.at_pointer("/capabilities/drop/0").as_string(), "ALL");
}

TEST(Pod, IsMadeAsTheOperatorSays) {
  KubernetesSettings settings = sample();
  EXPECT_EQ(image_of(settings, "py"), "registry/kcr-python:1");
  settings.all.image = "one:2";
  settings.each["py"].memory_limit = "1Gi";
  settings.node_selector = R"({"disk": "fast"})";
  settings.tolerations = R"([{"key": "a", "tolerationSeconds": 5}])";
  settings.pull_secrets = {"pull"};
  settings.runtime_class = "gvisor";
  const json::value pod = made(settings);
  EXPECT_EQ(pod.at_pointer("/spec/containers/0/image").as_string(), "one:2");
  EXPECT_EQ(pod.at_pointer("/spec/containers/0/resources/limits/memory").as_string(), "1Gi");
  EXPECT_EQ(pod.at_pointer("/spec/nodeSelector/disk").as_string(), "fast");
  EXPECT_EQ(pod.at_pointer("/spec/tolerations/0/tolerationSeconds").to_number<int>(), 5);
  EXPECT_EQ(pod.at_pointer("/spec/imagePullSecrets/0/name").as_string(), "pull");
  EXPECT_EQ(pod.at_pointer("/spec/runtimeClassName").as_string(), "gvisor");
}

TEST(Pod, HasAnotherRevisionWhenItWouldBeAnotherPod) {
  KubernetesSettings settings = sample();
  const std::string before = revision_of(settings, "py");
  settings.identity = "somebody else";
  EXPECT_EQ(revision_of(settings, "py"), before);
  settings.all.cpu_limit = "2";
  EXPECT_NE(revision_of(settings, "py"), before);
}

TEST(Pod, IsReadBack) {
  json::object object = made(sample(), PodStatus::in_use).as_object();
  object["metadata"].as_object()["resourceVersion"] = "17";
  object["status"] =
      json::parse(R"({"phase": "Running", "podIP": "fd00::1", "conditions": [{"type": "Ready", "status": "True"}]})");
  const Pod pod = read_pod(object, 8080);
  EXPECT_EQ(pod.token, "secret");
  EXPECT_EQ(pod.address, "[fd00::1]:8080");
  EXPECT_EQ(pod.version, "17");
  EXPECT_EQ(pod.status, PodStatus::in_use);
  EXPECT_TRUE(pod.is_ready);
  EXPECT_FALSE(pod.is_over);
}

TEST(Pod, SaysWhatKeepsItFromStarting) {
  json::object object = made(sample()).as_object();
  object["status"] = json::parse(
      R"({"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}]})");
  EXPECT_THAT(read_pod(object, 1).problem, HasSubstr("no such image"));
  object["status"] = json::parse(
      R"({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]})");
  EXPECT_THAT(read_pod(object, 1).problem, HasSubstr("0/1 nodes"));
  object["status"] = json::parse(
      R"({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"reason": "Error", "message": "no sandbox"}}}]})");
  EXPECT_THAT(read_pod(object, 1).problem, HasSubstr("no sandbox"));
  EXPECT_TRUE(read_pod(object, 1).has_failed);
  EXPECT_FALSE(read_pod(object, 1).lacked_memory);
  object["status"] = json::parse(
      R"({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]})");
  EXPECT_TRUE(read_pod(object, 1).lacked_memory);
  object["status"] = json::parse(
      R"({"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]})");
  EXPECT_THAT(read_pod(object, 1).problem, IsEmpty());
}

// --- the plan ----------------------------------------------------------------------------------------------------------

constexpr auto minute = std::chrono::minutes(1);
const auto now = std::chrono::system_clock::now();

Pod pod_of(
    const char* name, PodStatus status, bool is_ready = true, std::chrono::seconds age = std::chrono::seconds(1)) {
  Pod pod;
  pod.name = name;
  pod.language = "py";
  pod.revision = "r";
  pod.status = status;
  pod.is_ready = is_ready;
  pod.created = iso_time_z(now - age);
  return pod;
}

PodPlan plan_for(std::vector<Pod> pods, int floor, int in_creation = 0) {
  std::map<std::string, Pod> named;
  for (Pod& pod : pods) named[pod.name] = pod;
  std::map<std::string, PodWish> wishes;
  wishes["py"].floor = floor;
  wishes["py"].revision = "r";
  wishes["py"].in_creation = in_creation;
  return plan_pods(named, wishes, now, 5 * minute);
}

TEST(PodPlan, MakesWhatIsMissing) {
  EXPECT_EQ(plan_for({}, 3).create.at("py"), 3);
  EXPECT_EQ(plan_for({pod_of("a", PodStatus::warm, false), pod_of("b", PodStatus::in_use)}, 3, 1).create.at("py"), 1);
  EXPECT_THAT(plan_for({pod_of("a", PodStatus::warm)}, 1).create, IsEmpty());
  EXPECT_THAT(plan_for({}, 0).create, IsEmpty());
}

TEST(PodPlan, RemovesWhatIsTooMuch) {
  const auto plan = plan_for(
      {pod_of("old", PodStatus::warm, true, 3 * minute), pod_of("young", PodStatus::warm, true, minute),
       pod_of("starts", PodStatus::warm, false, 2 * minute)},
      1);
  EXPECT_THAT(plan.remove, ElementsAre("starts", "young"));
  EXPECT_THAT(plan_for({pod_of("a", PodStatus::warm)}, 0).remove, ElementsAre("a"));
}

TEST(PodPlan, DoesNotCountOnWhatIsReadyNoMoreOrNeverWillBe) {
  Pod lost = pod_of("lost", PodStatus::warm, false, 3 * minute);
  lost.was_ready = true;
  const auto plan = plan_for({lost, pod_of("stuck", PodStatus::warm, false, 6 * minute)}, 2);
  EXPECT_THAT(plan.remove, ElementsAre("stuck"));
  EXPECT_EQ(plan.create.at("py"), 2);
}

TEST(PodPlan, ReplacesPodsOfBeforeAChange) {
  Pod before = pod_of("a", PodStatus::warm);
  before.revision = "older";
  const auto plan = plan_for({before}, 1);
  EXPECT_THAT(plan.remove, ElementsAre("a"));
  EXPECT_EQ(plan.create.at("py"), 1);
}

TEST(PodPlan, RemovesWhatIsOverOrLeftBehindAndNothingElse) {
  Pod over = pod_of("over", PodStatus::in_use), leaving = pod_of("leaving", PodStatus::warm);
  over.is_over = true;
  leaving.is_leaving = leaving.is_over = true;
  Pod taken = pod_of("taken", PodStatus::in_use, true, 600 * minute);
  taken.taken_at = iso_time_z(now - minute);
  const auto plan = plan_for(
      {over, leaving, taken, pod_of("left", PodStatus::in_use, true, 6 * minute),
       pod_of("reserved", PodStatus::reserved, false, 6 * minute), pod_of("used", PodStatus::in_use, true, 4 * minute),
       pod_of("of others", PodStatus::unknown, true, 600 * minute)},
      0);
  EXPECT_THAT(plan.remove, UnorderedElementsAre("over", "left", "reserved"));
}

}  // namespace
}  // namespace ci::pool
