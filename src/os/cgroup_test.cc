// The logic against a made-up tree of plain files: what is written where. The kernel's side is covered by the
// sandbox tests, with whichever version the machine has.
#include "os/cgroup.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/failure.h"

namespace ci::os {
namespace {

namespace fs = std::filesystem;

class CgroupFake : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "cgroupXXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(root_); }

  void file(const fs::path& path, const std::string& text = "") {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::string content(const fs::path& path) {
    std::ifstream in(root_ / path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  fs::path ours(const fs::path& parent) {
    for (const auto& entry : fs::directory_iterator(root_ / parent)) {
      if (entry.path().filename().string().starts_with("kubecoderun-")) return entry.path().lexically_relative(root_);
    }
    return {};
  }

  CgroupTree make(CgroupTree::Leftovers leftovers = CgroupTree::Leftovers::remove) {
    return CgroupTree::make(root_, ::getuid(), ::getgid(), ::getpid(), leftovers);
  }

  fs::path root_;
};

TEST_F(CgroupFake, RefusesATreeWithoutControllersAndSaysWhatToDo) {
  try {
    make();
    FAIL() << "an empty directory is no cgroup tree";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.kind(), FailureKind::unavailable);
    EXPECT_NE(std::string(failure.what()).find("ALLOW_WEAK_SANDBOX=cgroup"), std::string::npos);
  }
}

TEST_F(CgroupFake, Version1MakesOneDirectoryPerController) {
  for (const char* controller : {"memory", "pids", "cpu"}) file(fs::path(controller) / "cgroup.procs", "1\n");
  const CgroupTree tree = make();
  EXPECT_EQ(tree.version(), 1);
  for (const char* controller : {"memory", "pids", "cpu"}) EXPECT_FALSE(ours(controller).empty()) << controller;
}

TEST_F(CgroupFake, Version1FreezesWhereThereIsAFreezer) {
  for (const char* controller : {"memory", "pids", "cpu"}) file(fs::path(controller) / "cgroup.procs", "1\n");
  file("freezer/cgroup.procs", "1\n");
  const CgroupTree tree = make();
  const fs::path group = ours("freezer") / "a";
  ASSERT_FALSE(group.parent_path().empty());
  file(group / "freezer.state");
  const UniqueFd state(::open((root_ / group / "freezer.state").c_str(), O_WRONLY));
  const Freezer freezer{state.get(), 1};
  EXPECT_TRUE(freezer && freezer.freeze());
  EXPECT_EQ(content(group / "freezer.state"), "FROZEN");
  tree.thaw();
  EXPECT_EQ(content(group / "freezer.state"), "THAWED");
}

TEST_F(CgroupFake, Version2FreezesWithAFileOfEachGroup) {
  file("cgroup.freeze");
  const UniqueFd state(::open((root_ / "cgroup.freeze").c_str(), O_WRONLY));
  const Freezer freezer{state.get(), 2};
  EXPECT_TRUE(freezer.freeze());
  EXPECT_EQ(content("cgroup.freeze"), "1");
  EXPECT_TRUE(freezer.thaw());
  EXPECT_EQ(content("cgroup.freeze"), "0");
  EXPECT_FALSE(Freezer());
}

TEST_F(CgroupFake, Version2AsksForTheControllersOfItsChildren) {
  file("cgroup.controllers", "cpu memory pids");
  file("cgroup.subtree_control");
  file("cgroup.procs");
  // The kernel makes the files of a new directory; here the first attempt fails for want of them.
  EXPECT_THROW(make(), Failure);
  const fs::path directory = ours(".");
  ASSERT_FALSE(directory.empty());
  file(directory / "cgroup.subtree_control");
  file(directory / "cgroup.procs");
  const CgroupTree tree = make();
  EXPECT_EQ(tree.version(), 2);
  EXPECT_EQ(content(directory / "cgroup.subtree_control").substr(0, 4), "+cpu");
}

TEST_F(CgroupFake, Version2TakesInWhoMovesOthersAndVersion1NeedNot) {
  file("cgroup.controllers", "cpu memory pids");
  file("cgroup.subtree_control");
  EXPECT_THROW(make(), Failure);
  const fs::path directory = ours(".");
  file(directory / "cgroup.subtree_control");
  const CgroupTree tree = make();
  EXPECT_THROW(tree.take_in(7), Failure);  // as above: the file of the new group is missing
  EXPECT_TRUE(fs::is_directory(root_ / directory / "sandboxd"));

  fs::remove_all(root_);
  for (const char* controller : {"memory", "pids", "cpu"}) file(fs::path(controller) / "cgroup.procs", "1\n");
  make().take_in(7);
  EXPECT_FALSE(fs::exists(root_ / ours("memory") / "sandboxd"));
}

TEST_F(CgroupFake, Version2EmptiesTheGroupOfAContainerFirst) {
  file("cgroup.controllers", "cpu memory pids");
  file("cgroup.subtree_control");
  file("cgroup.type", "domain");
  file("cgroup.procs", "7\n8\n");
  file("kubecoderun.init/cgroup.procs");
  EXPECT_THROW(make(), Failure);
  EXPECT_EQ(content("kubecoderun.init/cgroup.procs"), "8");  // the kernel would have taken each
}

TEST_F(CgroupFake, Version2LeavesTheProcessesOfAHostAlone) {
  file("cgroup.controllers", "cpu memory pids");
  file("cgroup.subtree_control");
  file("cgroup.procs", "7\n8\n");
  EXPECT_THROW(make(), Failure);
  EXPECT_FALSE(fs::exists(root_ / "kubecoderun.init"));
}

TEST_F(CgroupFake, Version2LimitsAreWritten) {
  for (const char* name : {"memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cpu.weight"}) file(name);
  CgroupLimits limits;
  limits.memory_bytes = 1000;
  limits.processes = 7;
  const UniqueFd directory(::open(root_.c_str(), O_PATH | O_DIRECTORY));
  set_limits(directory.get(), "", limits);
  EXPECT_EQ(content("memory.max"), "1000");
  EXPECT_EQ(content("memory.swap.max"), "0");
  EXPECT_EQ(content("memory.oom.group"), "1");
  EXPECT_EQ(content("pids.max"), "7");
  EXPECT_EQ(content("cpu.weight"), "100");
  // Kernels without swap accounting, and hosts that do not give us the processors, have no such files.
  fs::remove(root_ / "memory.swap.max");
  fs::remove(root_ / "cpu.weight");
  EXPECT_NO_THROW(set_limits(directory.get(), "", limits));
  fs::remove(root_ / "pids.max");
  EXPECT_THROW(set_limits(directory.get(), "", limits), Failure);
}

TEST(Cgroup, ARestartMakesNoFurtherLevel) {
  EXPECT_EQ(group_of_ours("/user.slice/a.scope"), "/user.slice/a.scope");
  EXPECT_EQ(group_of_ours("/user.slice/a.scope/kubecoderun.init"), "/user.slice/a.scope");
  EXPECT_EQ(group_of_ours("/kubecoderun.init"), "/");
  EXPECT_EQ(group_of_ours("/"), "/");
}

class CgroupOwners : public CgroupFake {
 protected:
  void SetUp() override {
    CgroupFake::SetUp();
    for (const char* controller : {"memory", "pids", "cpu"}) file(fs::path(controller) / "cgroup.procs", "1\n");
    left_ = root_ / "memory" / "kubecoderun-1-7";  // the pid of a process that lives says nothing
    fs::create_directories(left_ / "sandbox-1");
  }
  fs::path left_;
};

TEST_F(CgroupOwners, WhatNobodyHoldsIsRemovedAndALivingOneKept) {
  const CgroupTree first = make();
  EXPECT_FALSE(fs::exists(left_));
  const fs::path mine = ours("memory");
  const CgroupTree second = make();  // a namesake, as in another pid namespace
  EXPECT_TRUE(fs::exists(root_ / mine));
  second.remove();
  EXPECT_TRUE(fs::exists(root_ / mine));
}

TEST_F(CgroupOwners, WhoOnlyLooksRemovesNothing) {
  make(CgroupTree::Leftovers::keep).remove();
  EXPECT_TRUE(fs::exists(left_ / "sandbox-1"));
}

TEST_F(CgroupOwners, AChildThatUsesATreeDoesNotOwnIt) {
  const CgroupTree parents = make();
  const fs::path name = ours("memory");
  CgroupTree childs = make();  // stands for a copy after fork(2)
  const fs::path inside = root_ / (name.string() + "-2") / "sandbox-1";
  fs::create_directory(inside);
  childs.leave_ownership();
  const CgroupTree next = make();
  EXPECT_FALSE(fs::exists(inside));
  EXPECT_TRUE(fs::exists(root_ / name));
}

TEST_F(CgroupFake, ReadsCounters) {
  file("events", "low 0\nhigh 0\noom 2\noom_kill 17\n");
  const UniqueFd fd(::open((root_ / "events").c_str(), 0));
  EXPECT_EQ(read_counter(fd.get(), "oom_kill"), 17u);
  EXPECT_EQ(read_counter(fd.get(), "oom"), 2u);
  EXPECT_EQ(read_counter(fd.get(), "absent"), std::nullopt);
}

}  // namespace
}  // namespace ci::os
