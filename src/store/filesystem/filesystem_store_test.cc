#include "store/filesystem/filesystem_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <fstream>

#include "store/testing/crash.h"
#include "store/testing/object_suite.h"

namespace ci::store::filesystem {
namespace {

using testing::Loop;
using testing::TemporaryDirectory;

template <bool nameless>
class Harness {
 public:
  Harness() {
    if (!nameless) store_.without_nameless_files();
  }
  ~Harness() { EXPECT_TRUE(std::filesystem::is_empty(directory_.path() / "temporary")); }
  ObjectStore& store() { return store_; }
  Loop& loop() { return loop_; }

 private:
  TemporaryDirectory directory_;
  Loop loop_;
  FilesystemStore store_{directory_.path(), loop_.pool()};
};

using WithNameless = Harness<true>;
using WithNames = Harness<false>;

}  // namespace
}  // namespace ci::store::filesystem

namespace ci::store::testing {
INSTANTIATE_TYPED_TEST_SUITE_P(Filesystem, ObjectSuite, filesystem::WithNameless);
INSTANTIATE_TYPED_TEST_SUITE_P(FilesystemWithTemporaryNames, ObjectSuite, filesystem::WithNames);
}  // namespace ci::store::testing

namespace ci::store::filesystem {
namespace {

TEST(ObjectKey, IsWhatWeMake) {
  for (const char* good : {"a", "sessions/A-b_9/uploads/x.y", "..a/b", "a/..b"})
    EXPECT_TRUE(is_object_key(good)) << good;
  for (const char* bad : {"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "a b", "a+b", "a\\b", "é", "a\n"}) {
    EXPECT_FALSE(is_object_key(bad)) << bad;
  }
  EXPECT_TRUE(is_object_key(std::string(240, 'a')));
  EXPECT_FALSE(is_object_key(std::string(241, 'a')));
}

TEST(ObjectMetadata, IsWhatEveryStoreKeeps) {
  const auto metadata = [](std::string name, std::string value) {
    Metadata one;
    one[std::move(name)] = std::move(value);
    return one;
  };
  EXPECT_TRUE(is_metadata(Metadata()));
  EXPECT_TRUE(is_metadata(metadata("original-size-2", "1")));
  for (const char* bad : {"", "Upper", "under_score", "with space", "a:b", "a=b"}) {
    EXPECT_FALSE(is_metadata(metadata(bad, "1"))) << bad;
  }
  for (const char* bad : {"", " a", "a b", "a\n", "\x7f", "é"}) EXPECT_FALSE(is_metadata(metadata("a", bad))) << bad;
  EXPECT_FALSE(is_metadata(metadata("a", std::string(longest_metadata, 'x'))));
}

TEST(FilesystemStoreDeathTest, AKeyThatIsNotOursAborts) {
  TemporaryDirectory directory;
  EXPECT_DEATH(
      {
        Loop loop;
        FilesystemStore store(directory.path(), loop.pool());
        loop.run(store.remove("../../etc/passwd"));
      },
      "is_object_key");
}

TEST(FilesystemStore, RemovesLeftoversButNotThoseOfALivingWriter) {
  TemporaryDirectory directory;
  Loop loop;
  {
    FilesystemStore store(directory.path(), loop.pool());
  }
  const auto temporary = directory.path() / "temporary";
  std::ofstream(temporary / "left") << "x";
  std::ofstream(temporary / "written") << "x";
  const UniqueFd writer(::open((temporary / "written").c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(writer.get(), LOCK_EX), 0);
  FilesystemStore store(directory.path(), loop.pool());
  EXPECT_FALSE(std::filesystem::exists(temporary / "left"));
  EXPECT_TRUE(std::filesystem::exists(temporary / "written"));
}

TEST(FilesystemStore, IsReadableByItsOwnerOnly) {
  TemporaryDirectory directory;
  Loop loop;
  FilesystemStore store(directory.path() / "new" / "store", loop.pool());
  StringSource source("x");
  loop.run(store.put("a/b/c", source, 10));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
    EXPECT_EQ(static_cast<unsigned>(entry.status().permissions()) & 077u, 0u) << entry.path();
  }
}

template <bool nameless>
void keeps_what_it_acknowledged_when_killed() {
  TemporaryDirectory directory;
  const auto text_of = [](std::int64_t i) { return std::string(static_cast<size_t>(i * 1000 + 1), 'x'); };
  const auto work = [&](const std::function<void(std::int64_t)>& acknowledge) {
    Loop loop;
    FilesystemStore store(directory.path(), loop.pool());
    if (!nameless) store.without_nameless_files();
    for (std::int64_t i = 0;; ++i) {
      StringSource source(text_of(i));
      // Twice, so that replacing is under way as well.
      loop.run(store.put("k/k/" + std::to_string(i), source, 10 << 20));
      StringSource again(text_of(i));
      loop.run(store.put("k/k/" + std::to_string(i), again, 10 << 20));
      acknowledge(i);
    }
  };
  const std::int64_t last = testing::kill_after(150, work);
  ASSERT_GE(last, 149);
  Loop loop;
  FilesystemStore store(directory.path(), loop.pool());
  EXPECT_TRUE(std::filesystem::is_empty(directory.path() / "temporary"));
  for (std::int64_t i = 0; i <= last; ++i) {
    const auto info = loop.run(store.head("k/k/" + std::to_string(i)));
    ASSERT_TRUE(info) << i;
    ASSERT_EQ(info->size, text_of(i).size());
  }
  // What was under way is whole or not there.
  if (const auto info = loop.run(store.head("k/k/" + std::to_string(last + 1)))) {
    EXPECT_EQ(info->size, text_of(last + 1).size());
  }
}

TEST(FilesystemStore, KeepsWhatItAcknowledgedWhenKilled) { keeps_what_it_acknowledged_when_killed<true>(); }
TEST(FilesystemStore, KeepsWhatItAcknowledgedWhenKilledWithTemporaryNames) {
  keeps_what_it_acknowledged_when_killed<false>();
}

// In a child with a mount namespace of its own, where a small tmpfs plays the full disk.
TEST(FilesystemStore, AFullDiskIsExhaustedAndLeavesTheOlderObject) {
  TemporaryDirectory directory;
  constexpr int no_privilege = 77;
  const pid_t child = sys("forking", [] { return ::fork(); });
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) < 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0 ||
        ::mount("tmpfs", directory.path().c_str(), "tmpfs", 0, "size=1m,nr_inodes=1000") < 0) {
      ::_exit(no_privilege);
    }
    int verdict = 1;
    try {
      Loop loop;
      FilesystemStore store(directory.path(), loop.pool());
      StringSource old("old");
      loop.run(store.put("a/b/c", old, 10));
      StringSource large(std::string(2 << 20, 'x'));
      loop.run(store.put("a/b/c", large, 10 << 20));
    } catch (const Failure& failure) {
      const std::string what = failure.what();
      if (failure.kind() == FailureKind::unavailable && what.contains("no space is left") &&
          what.contains(directory.path().string())) {
        Loop loop;
        FilesystemStore store(directory.path(), loop.pool());
        const auto info = loop.run(store.head("a/b/c"));
        if (info && info->size == 3) verdict = 0;
      }
    }
    ::_exit(verdict);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == no_privilege) GTEST_SKIP() << "mounting needs privileges";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace ci::store::filesystem
