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
  EXPECT_TRUE(plan.landlock);
  EXPECT_EQ(plan.users, Isolation::Users::callers);
  host.landlock = 0;
  EXPECT_FALSE(plan_isolation(settings, host).landlock);
  for (const auto& [part, words] : describe(plan)) EXPECT_FALSE(part.empty() || words.empty());
}

}  // namespace
}  // namespace ci::sandbox
