#include "sandbox/isolation.h"

#include <gmock/gmock.h>

namespace ci::sandbox {
namespace {

TEST(Isolation, HasEverythingThatTheKernelGives) {
  HostParts host;
  host.users = true;
  host.cgroup = 1;
  const Isolation plan = plan_isolation({}, host);
  EXPECT_FALSE(plan.contained());
  EXPECT_EQ(plan.cgroup, 1);
  EXPECT_EQ(plan.users, Isolation::Users::two_each);
  EXPECT_EQ(plan.root, Isolation::Root::own);
}

TEST(Isolation, WithoutARangeOfUsersAllHaveTheSame) {
  HostParts host;
  host.cgroup = 2;
  const Isolation plan = plan_isolation({}, host);
  EXPECT_EQ(plan.users, Isolation::Users::one);
  EXPECT_EQ(plan.cgroup, 2);
}

TEST(Isolation, InAContainerThatIsTheBoundaryLittleIsItsOwn) {
  SandboxdSettings settings;
  settings.allow_weak = {"namespaces"};
  HostParts host;
  host.users = true;
  host.cgroup = 2;
  host.landlock = 6;
  const Isolation plan = plan_isolation(settings, host);
  EXPECT_TRUE(plan.contained());
  EXPECT_EQ(plan.cgroup, 0);
  EXPECT_EQ(plan.landlock, 6);
  EXPECT_EQ(plan.users, Isolation::Users::callers);
  host.landlock = 0;
  EXPECT_EQ(plan_isolation(settings, host).landlock, 0);
  for (const auto& [part, words] : describe(plan)) EXPECT_FALSE(part.empty() || words.empty());
}

TEST(Isolation, SaysWhetherSignalsStayInside) {
  const auto words = [](int version) {
    Isolation plan;
    plan.namespaces = false;
    plan.landlock = version;
    for (const auto& [part, text] : describe(plan)) {
      if (part == "Landlock") return text;
    }
    return std::string();
  };
  EXPECT_THAT(words(6), testing::HasSubstr("signals only within the sandbox"));
  EXPECT_THAT(words(5), testing::HasSubstr("does not know how to keep signals inside"));
  EXPECT_EQ(words(0), "not in this kernel");
}

}  // namespace
}  // namespace ci::sandbox
