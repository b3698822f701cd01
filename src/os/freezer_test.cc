// The freezer of version 2 of the kernel itself, which also a machine has whose controllers are those of version 1. In a mount
// namespace of this program.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "os/cgroup.h"

namespace ci::os {
namespace {

namespace fs = std::filesystem;

template <class Condition>
bool comes_true(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

class KernelFreezer : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "freezerXXXXXX";
    mount_ = ::mkdtemp(pattern.data());
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", mount_.c_str(), "cgroup2", 0, nullptr) != 0) {
      GTEST_SKIP() << "control groups of version 2 cannot be mounted here, which needs root";
    }
    mounted_ = true;
    group_ = mount_ / ("freezer-test-" + std::to_string(::getpid()));
    fs::create_directory(group_);
    if (!fs::exists(group_ / "cgroup.freeze")) GTEST_SKIP() << "a kernel before Linux 5.2";
    state_ = UniqueFd(::open((group_ / "cgroup.freeze").c_str(), O_WRONLY | O_CLOEXEC));
    count_ = static_cast<std::atomic<long>*>(
        ::mmap(nullptr, sizeof *count_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) ++*count_;
    }
    std::ofstream(group_ / "cgroup.procs") << child_;
  }
  void TearDown() override {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      Freezer{state_.get(), 2}.thaw();
      ::waitpid(child_, nullptr, 0);
    }
    if (!group_.empty()) {
      comes_true([this] { return ::rmdir(group_.c_str()) == 0; });
    }
    state_.reset();  // it holds the mount
    if (mounted_) {
      EXPECT_EQ(::umount(mount_.c_str()), 0);
    }
    std::error_code ignored;
    fs::remove(mount_, ignored);
  }

  bool is_frozen() {
    std::ifstream events(group_ / "cgroup.events");
    for (std::string line; std::getline(events, line);) {
      if (line == "frozen 1") return true;
    }
    return false;
  }
  bool counts() {
    const long before = count_->load();
    return comes_true([&] { return count_->load() > before; });
  }

  fs::path mount_, group_;
  bool mounted_ = false;
  UniqueFd state_;
  std::atomic<long>* count_ = nullptr;
  pid_t child_ = -1;
};

TEST_F(KernelFreezer, HoldsWhatIsInTheGroupAndLetsItGoOn) {
  const Freezer freezer{state_.get(), 2};
  EXPECT_TRUE(counts());
  ASSERT_TRUE(freezer.freeze());
  ASSERT_TRUE(comes_true([this] { return is_frozen(); }));
  const long held = count_->load();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // in which it would have counted very far
  EXPECT_EQ(count_->load(), held);
  ASSERT_TRUE(freezer.thaw());
  EXPECT_TRUE(counts());
}

TEST_F(KernelFreezer, WhoIsHeldCanBeKilled) {
  const Freezer freezer{state_.get(), 2};
  ASSERT_TRUE(freezer.freeze());
  ASSERT_TRUE(comes_true([this] { return is_frozen(); }));
  ::kill(child_, SIGKILL);
  int status = 0;
  ASSERT_TRUE(comes_true([&] { return ::waitpid(child_, &status, WNOHANG) == child_; }));
  child_ = -1;
  EXPECT_TRUE(WIFSIGNALED(status));
}

}  // namespace
}  // namespace ci::os
