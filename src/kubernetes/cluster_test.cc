// Against a real cluster: that of KUBECODERUN_TEST_KUBECONFIG, in a namespace of this test's own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <fstream>

#include "base/failure.h"
#include "base/run_until.h"
#include "kubernetes/election.h"
#include "kubernetes/watch.h"

namespace ci::kubernetes {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

constexpr Kind namespaces{"api/v1", "namespaces"}, config_maps{"api/v1", "configmaps"};

object named(const std::string& name) {
  object what;
  what["metadata"].emplace_object()["name"] = name;
  return what;
}

class Cluster : public testing::Test {
 protected:
  void SetUp() override {
    const char* file = std::getenv("KUBECODERUN_TEST_KUBECONFIG");
    if (file == nullptr) GTEST_SKIP() << "KUBECODERUN_TEST_KUBECONFIG names no cluster";
    access = find_access([](const std::string&) { return std::nullopt; }, file);
    client = std::make_unique<Client>(io.get_executor(), blocking, access);
    static int count = 0;  // a namespace takes seconds to go
    home = "kubecoderun-test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    run([this]() -> awaitable<void> {
      const Answer<object> made = co_await client->create(namespaces, "", named(home));
      EXPECT_TRUE(made || made.error().exists()) << (made ? "" : made.error().message);
    });
  }

  void TearDown() override {
    if (!client) return;
    run([this]() -> awaitable<void> { co_await client->remove(namespaces, "", home); });
    client.reset();
    blocking.join();
  }

  // Until the work has ended; its failure is the test's.
  template <class Work>
  void run(Work work) {
    std::exception_ptr failure;
    bool done = false;
    asio::co_spawn(
        io, [&work]() -> awaitable<void> { co_await work(); },
        [&](std::exception_ptr error) {
          failure = error;
          done = true;
        });
    run_until(io, [&] { return done; });
    if (failure) std::rethrow_exception(failure);
  }

  awaitable<void> create(std::string name, std::string color) {
    object what = named(name);
    what["metadata"].get_object()["labels"].emplace_object()["color"] = color;
    const Answer<object> made = co_await client->create(config_maps, home, std::move(what));
    EXPECT_TRUE(made);
  }

  asio::io_context io;
  asio::thread_pool blocking{1};
  Access access;
  std::unique_ptr<Client> client;
  std::string home;
};

TEST_F(Cluster, MakesFindsChangesAndRemoves) {
  run([this]() -> awaitable<void> {
    const Answer<std::string> version = co_await client->version();
    EXPECT_TRUE(version && version->starts_with("v1."));
    co_await create("a", "red");
    const Answer<object> found = co_await client->find(config_maps, home, "a");
    CHECK(found);
    const Answer<object> again = co_await client->create(config_maps, home, named("a"));
    EXPECT_TRUE(!again && again.error().exists());

    object changes;
    changes["metadata"].emplace_object()["resourceVersion"] = metadata_of(*found, "resourceVersion");
    changes["data"].emplace_object()["x"] = "1";
    const Answer<object> changed = co_await client->patch(config_maps, home, "a", changes);
    CHECK(changed);
    EXPECT_EQ(changed->at("data").at("x"), "1");
    const Answer<object> late = co_await client->patch(config_maps, home, "a", changes);
    EXPECT_TRUE(!late && late.error().is_conflict()) << "the same version is taken twice";

    Removal other;
    other.uid = "00000000-0000-0000-0000-000000000000";
    const Answer<object> spared = co_await client->remove(config_maps, home, "a", other);
    EXPECT_TRUE(!spared && spared.error().is_conflict());
    EXPECT_TRUE((co_await client->remove(config_maps, home, "a")).has_value());
    const Answer<object> gone = co_await client->find(config_maps, home, "a");
    EXPECT_TRUE(!gone && gone.error().is_absent());
  });
}

TEST_F(Cluster, SaysWhatItMayNot) {
  access.certificate.clear();
  access.key.clear();
  access.token = "wrong";
  Client stranger(io.get_executor(), blocking, access);
  run([&]() -> awaitable<void> {
    const Answer<object> answer = co_await stranger.find(config_maps, home, "a");
    EXPECT_TRUE(!answer && answer.error().status == 401);
  });
}

TEST_F(Cluster, ReadsATokenAnewThatWasReplaced) {
  const std::string file = testing::TempDir() + "kubecoderun-test-token";
  std::ofstream(file) << "wrong\n";
  access.certificate.clear();
  access.key.clear();
  access.token_file = file;
  const char* token = std::getenv("KUBECODERUN_TEST_KUBE_TOKEN");
  if (token == nullptr) GTEST_SKIP() << "KUBECODERUN_TEST_KUBE_TOKEN gives no token";
  Client renewed(io.get_executor(), blocking, access);
  run([&]() -> awaitable<void> {
    const Answer<std::string> before = co_await renewed.version();
    EXPECT_TRUE(!before && before.error().status == 401);
    std::ofstream(file, std::ios::trunc) << token << "\n";
    EXPECT_TRUE((co_await renewed.version()).has_value());
  });
  ::unlink(file.c_str());
}

TEST_F(Cluster, FailsWhenNobodyIsThere) {
  access.server = "https://127.0.0.1:1";
  ClientSettings settings;
  settings.patience = 500ms;
  Client alone(io.get_executor(), blocking, access, settings);
  run([&]() -> awaitable<void> {
    FailureKind kind = FailureKind::internal;
    try {
      co_await alone.version();
    } catch (const Failure& failure) {
      kind = failure.kind();
    }
    EXPECT_EQ(kind, FailureKind::unavailable);
  });
}

TEST_F(Cluster, WatchesWhatItSelects) {
  std::vector<std::string> seen;
  Selection reds(config_maps, home);
  reds.labels = "color=red";
  WatchSettings settings;
  settings.length = 1s;  // several of them, one after the other
  Watch watch(io.get_executor(), *client, reds, settings);
  watch.on_change(
      [&](const std::string& name, const object* now) { seen.push_back((now != nullptr ? "+" : "-") + name); });
  TaskGroup tasks(io.get_executor());
  run([&]() -> awaitable<void> {
    co_await create("first", "red");
    tasks.spawn("watch", watch.run());
    while (!watch.is_complete()) co_await watch.wait_for_change(after(5s));
    EXPECT_THAT(seen, ElementsAre("+first"));
    co_await create("second", "red");
    co_await create("other", "blue");
    while (!watch.objects().contains("second")) co_await watch.wait_for_change(after(5s));
    co_await sleep_for(1200ms);  // the watch has ended by itself meanwhile
    co_await client->remove(config_maps, home, "first");
    while (watch.objects().contains("first")) co_await watch.wait_for_change(after(5s));
    object blue;
    blue["metadata"].emplace_object()["labels"].emplace_object()["color"] = "blue";
    co_await client->patch(config_maps, home, "second", std::move(blue));
    while (watch.objects().contains("second")) co_await watch.wait_for_change(after(5s));
    EXPECT_THAT(seen, ElementsAre("+first", "+second", "-first", "-second"));
    EXPECT_EQ(watch.problem(), "");
    co_await tasks.stop();
  });
}

TEST_F(Cluster, ChoosesOneLeaderAndAnother) {
  ElectionSettings settings;
  settings.lease = 3s;
  settings.leads_for = 2s;
  settings.between_tries = 200ms;
  Election one(*client, home, "leader", "one", settings), two(*client, home, "leader", "two", settings);
  TaskGroup first(io.get_executor()), second(io.get_executor());
  run([&]() -> awaitable<void> {
    first.spawn("one", one.run());
    while (!one.leads()) co_await sleep_for(10ms);
    second.spawn("two", two.run());
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(one.leads() && !two.leads());
      co_await sleep_for(50ms);
    }
    EXPECT_EQ(two.leader(), "one");
    co_await first.stop();  // it does not come back, and did not say so
    while (!two.leads()) {
      co_await sleep_for(10ms);
      EXPECT_FALSE(one.leads() && two.leads());
    }
    const Answer<object> lease = co_await client->find(kinds::lease, home, "leader");
    CHECK(lease);
    EXPECT_EQ(lease->at("spec").at("holderIdentity"), "two");
    EXPECT_EQ(lease->at("spec").at("leaseTransitions"), 1);
    co_await second.stop();
    co_await two.resign();
    EXPECT_FALSE(two.leads());
    first.spawn("one", one.run());
    const Deadline soon = after(1500ms);  // less than the lease would have lasted
    while (!one.leads() && std::chrono::steady_clock::now() < soon) co_await sleep_for(10ms);
    EXPECT_TRUE(one.leads());
    co_await first.stop();
  });
}

}  // namespace
}  // namespace ci::kubernetes
