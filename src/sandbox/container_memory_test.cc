#include "sandbox/container_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <thread>

namespace ci::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t mebibyte = 1 << 20;

// Does `work` in a process group of its own, then waits there until this ends.
class Holder {
 public:
  explicit Holder(const std::function<void(int ready)>& work) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setpgid(0, 0);
      work(ends[1]);
      ::pause();
      ::_exit(0);
    }
    char byte;
    held_ = ::read(ends[0], &byte, 1) == 1;
    ::close(ends[0]);
    ::close(ends[1]);
  }
  Holder(const Holder&) = delete;
  ~Holder() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t group() const { return pid_; }
  bool held() const { return held_; }

 private:
  pid_t pid_;
  bool held_ = false;
};

void say(int ready) { [[maybe_unused]] const ssize_t ignored = ::write(ready, "x", 1); }

void fill(int file, std::uint64_t bytes) {
  const std::string piece(mebibyte, 'x');
  for (std::uint64_t done = 0; done < bytes; done += mebibyte) {
    if (::write(file, piece.data(), piece.size()) != static_cast<ssize_t>(piece.size())) ::_exit(1);
  }
}

class ContainerMemoryTest : public testing::Test {
 protected:
  ~ContainerMemoryTest() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  std::uint64_t memory_of(pid_t group) const { return memory_.of(group).memory; }

  const fs::path folder_ = [] {
    std::string name = (fs::temp_directory_path() / "container-memory-XXXXXX").string();
    return fs::path(::mkdtemp(name.data()));
  }();
  ContainerMemory memory_;
};

TEST_F(ContainerMemoryTest, CountsMemoryFilesThatNobodyMapped) {
  memory_.begin(folder_);
  const Holder holder([](int ready) {
    const int file = ::memfd_create("held", 0);
    fill(file, 64 * mebibyte);
    ::dup(file);  // the same file once more
    say(ready);
  });
  ASSERT_TRUE(holder.held());
  EXPECT_GT(memory_of(holder.group()), 64 * mebibyte);
  EXPECT_LT(memory_of(holder.group()), 120 * mebibyte);
  EXPECT_GE(memory_.of(holder.group()).threads, 1u);
  EXPECT_EQ(memory_of(::getpid() + 1000000), 0u);
}

TEST_F(ContainerMemoryTest, CountsAProcessWhoseFirstThreadHasEnded) {
  memory_.begin(folder_);
  const Holder holder([](int ready) {
    std::thread([ready] {
      const int file = ::memfd_create("held", 0);
      fill(file, 64 * mebibyte);
      say(ready);
      ::pause();
    }).detach();
    ::syscall(SYS_exit, 0);  // this thread alone
  });
  ASSERT_TRUE(holder.held());
  std::uint64_t seen = 0;
  for (int attempt = 0; attempt < 3000 && seen <= 64 * mebibyte; ++attempt) {
    seen = memory_of(holder.group());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_GT(seen, 64 * mebibyte);
}

TEST_F(ContainerMemoryTest, AsksTheContainersOwnGroup) {
  write("memory.current", "300000000\n");
  write("memory.stat", "anon 100\ninactive_file 90000000\nactive_file 10000000\nslab_reclaimable 0\n");
  memory_.begin(folder_);
  EXPECT_EQ(memory_of(1), 0u);
  write("memory.current", "750000000\n");
  write("memory.stat", "anon 100\ninactive_file 290000000\nactive_file 10000000\nslab_reclaimable 50000000\n");
  EXPECT_EQ(memory_of(1), 200000000u);
}

TEST_F(ContainerMemoryTest, AsksAGroupOfVersion1ThatIsNotTheWholeMachine) {
  write("memory/memory.stat", "cache 5000\nrss 200\nshmem 100\n");
  memory_.begin(folder_);
  write("memory/memory.stat", "cache 9000\nrss 800\nshmem 500\n");
  EXPECT_EQ(memory_of(::getpgrp()), 1000u);
  write("memory/release_agent", "\n");
  ContainerMemory whole;
  whole.begin(folder_);
  EXPECT_GT(whole.of(::getpgrp()).memory, mebibyte) << "what the processes have";
}

TEST_F(ContainerMemoryTest, NoticesWhatTheKernelEnded) {
  memory_.begin(folder_);
  EXPECT_FALSE(memory_.one_was_ended()) << "there is no group";
  write("memory.current", "300000000\n");
  write("memory.events", "low 0\noom 7\noom_kill 2\noom_group_kill 0\n");
  memory_.begin(folder_);
  EXPECT_FALSE(memory_.one_was_ended()) << "it was before";
  write("memory.events", "low 0\noom 8\noom_kill 3\noom_group_kill 0\n");
  EXPECT_TRUE(memory_.one_was_ended());
}

TEST_F(ContainerMemoryTest, NoticesWhatTheKernelEndedInAGroupOfVersion1) {
  write("memory/memory.stat", "cache 5000\nrss 200\nshmem 100\n");
  write("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
  memory_.begin(folder_);
  EXPECT_FALSE(memory_.one_was_ended());
  write("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  EXPECT_TRUE(memory_.one_was_ended());
}

// In a process group of its own. It ends with status 3 when the end of `until` that is returned is closed.
pid_t start_group(UniqueFd& until) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  until = UniqueFd(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    until.reset();
    char byte;
    while (::read(read_end.get(), &byte, 1) > 0) {
    }
    ::_exit(3);
  }
  ::setpgid(child, child);
  return child;
}

TEST(Leaving, IsWhoCanDoNothingAnyMore) {
  UniqueFd until;
  const pid_t child = start_group(until);
  EXPECT_FALSE(is_leaving(child));
  until.reset();
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(is_leaving(child)) << "it has ended, and nobody has waited for it";
  EXPECT_EQ(status_of_leaving(child), W_EXITCODE(3, 0));
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(is_leaving(child)) << "there is none";
  EXPECT_EQ(status_of_leaving(child), std::nullopt);
}

TEST(Leaving, TellsOneThatWasKilledFromOneThatHasEnded) {
  UniqueFd until;
  const pid_t child = start_group(until);
  ::kill(child, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(status_of_leaving(child), SIGKILL);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace ci::sandbox
