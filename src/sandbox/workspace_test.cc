#include "sandbox/workspace.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/failure.h"

namespace ci::sandbox {
namespace {

namespace fs = std::filesystem;

class Workspace : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "workspaceXXXXXX";
    root_ = ::mkdtemp(pattern.data());
    fd_ = UniqueFd(::open(root_.c_str(), O_RDONLY | O_DIRECTORY));
  }
  void TearDown() override { fs::remove_all(root_); }

  void file(const fs::path& path, const std::string& text = "x") {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::vector<std::string> names(CollectLimits limits = {1 << 20, 100}) {
    search_ = find_files(fd_.get(), limits, placed_);
    std::vector<std::string> result;
    for (const Found& found : search_.found) result.push_back(found.name);
    return result;
  }
  // "name reason files" of each that was skipped, sorted.
  std::vector<std::string> skipped() const {
    constexpr const char* words[] = {"number", "depth", "size", "unreadable", "folder", "link", "special"};
    std::vector<std::string> result;
    for (const Skipped& one : search_.skipped) {
      result.push_back(one.name + ' ' + words[static_cast<int>(one.reason)] + ' ' + std::to_string(one.files));
    }
    std::ranges::sort(result);
    return result;
  }
  void place(const std::string& name, const std::string& text) {
    const UniqueFd source(::memfd_create("source", MFD_CLOEXEC));
    ASSERT_EQ(::write(source.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    const auto placed = place_file(fd_.get(), *RelativePath::parse(name), source.get(), false, ::getuid());
    ASSERT_TRUE(placed);
    placed_[name] = *placed;
  }
  // Of what was found.
  bool is_written(const std::string& name) const {
    const auto found = std::ranges::find(search_.found, name, &Found::name);
    EXPECT_NE(found, search_.found.end()) << name;
    return found != search_.found.end() && found->written;
  }

  fs::path root_;
  UniqueFd fd_;
  PlacedFiles placed_;
  Search search_;
};

TEST_F(Workspace, FindsRegularFilesSortedAndNested) {
  file("b.txt");
  file("a/deep/c.txt");
  file("a.txt", "");
  EXPECT_EQ(names(), (std::vector<std::string>{"a.txt", "a/deep/c.txt", "b.txt"}));
}

TEST_F(Workspace, PassesOverEverythingThatIsNotAPlainFile) {
  file("good");
  fs::create_symlink("/etc/passwd", root_ / "link");
  fs::create_symlink("nowhere", root_ / "dangling");
  fs::create_directory_symlink("/etc", root_ / "etc");
  fs::create_symlink("loop", root_ / "loop");
  ASSERT_EQ(::mkfifo((root_ / "fifo").c_str(), 0600), 0);
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{AF_UNIX, {}};
  (root_ / "socket").string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(names(), (std::vector<std::string>{"good"}));
  EXPECT_EQ(
      skipped(),
      (std::vector<std::string>{
          "dangling link 1", "etc link 1", "fifo special 1", "link link 1", "loop link 1", "socket special 1"}));
}

TEST_F(Workspace, FindsAFileUnderEachOfItsNames) {
  file("hard");
  fs::create_hard_link(root_ / "hard", root_ / "hard2");
  EXPECT_EQ(names(), (std::vector<std::string>{"hard", "hard2"}));
  EXPECT_TRUE(open_found(fd_.get(), search_.found[1]));
}

TEST_F(Workspace, NamesAreAnyBytes) {
  const std::string odd[] = {
      "back\\slash",
      "no\xff"
      "text",
      "tab\tand\nline"};
  for (const std::string& name : odd) file(name);
  const std::string deep = std::string(200, 'a') + '/' + std::string(200, 'b');
  file(deep);
  const auto found = names();
  EXPECT_EQ(found.size(), 4u);
  for (const std::string& name : odd) EXPECT_NE(std::ranges::find(found, name), found.end());
  EXPECT_EQ(found[0], deep);
  EXPECT_EQ(skipped(), std::vector<std::string>());
}

TEST_F(Workspace, TellsWhatWasWrittenFromWhatWasPlaced) {
  for (const char* name : {"same", "edited", "replaced", "removed"}) place(name, "text");
  file("edited", "text");
  fs::remove(root_ / "replaced");
  file("replaced", "text");
  fs::remove(root_ / "removed");
  file("new");
  EXPECT_EQ(names(), (std::vector<std::string>{"edited", "new", "replaced", "same"}));
  EXPECT_FALSE(is_written("same"));
  for (const char* name : {"edited", "new", "replaced"}) EXPECT_TRUE(is_written(name)) << name;
}

TEST_F(Workspace, InputsComeBackFromEverywhereWhenTheyWereChanged) {
  for (const char* name : {"build/same", "build/edited", ".hidden/edited", "node_modules/back"}) place(name, "text");
  file("build/edited", "TEXT");
  file(".hidden/edited", "text");
  // Whoever sets the time back has changed it all the same.
  file("node_modules/back", "TEXT");
  const timespec times[2] = {placed_["node_modules/back"].modified, placed_["node_modules/back"].modified};
  ASSERT_EQ(::utimensat(fd_.get(), "node_modules/back", times, 0), 0);
  file("build/new");
  EXPECT_EQ(names(), (std::vector<std::string>{".hidden/edited", "build/edited", "node_modules/back"}));
  EXPECT_EQ(skipped(), (std::vector<std::string>{"build/ folder 1"}));
}

TEST_F(Workspace, ALargeInputThatIsAsItWasIsNotMissed) {
  place("input", std::string(100, 'x'));
  file("made", std::string(100, 'x'));
  EXPECT_EQ(names({50, 10}), (std::vector<std::string>()));
  EXPECT_EQ(skipped(), (std::vector<std::string>{"made size 1"}));
}

TEST_F(Workspace, PassesOverHiddenAndDependencyFolders) {
  file(".env");
  file(".cache/x");
  file("node_modules/left-pad/index.js");
  file("__pycache__/x.pyc");
  file("src/.git/config");
  file("src/node_modules/y.js");
  file("env/x");
  file("src/ok");
  file("build");  // only folders of that name
  file("my_env/ok");
  EXPECT_EQ(names(), (std::vector<std::string>{"build", "my_env/ok", "src/ok"}));
  EXPECT_EQ(
      skipped(), (std::vector<std::string>{"env/ folder 1", "node_modules/ folder 1", "src/node_modules/ folder 1"}));
}

TEST_F(Workspace, KeepsToItsLimits) {
  file("big", std::string(100, 'x'));
  file("small");
  for (int i = 0; i < 20; ++i) file("many/" + std::to_string(100 + i));
  EXPECT_EQ(names({50, 3}), (std::vector<std::string>{"many/100", "many/101", "many/102"}));
  EXPECT_EQ(search_.counts[static_cast<std::size_t>(LeftOut::size)], 1u);
  EXPECT_EQ(search_.counts[static_cast<std::size_t>(LeftOut::number)], 18u);
  EXPECT_TRUE(search_.complete);
  file("1/2/3/4/5/6/7/8/9/ok");
  file("1/2/3/4/5/6/7/8/9/10/no");
  const auto all = names();
  EXPECT_TRUE(std::ranges::find(all, "1/2/3/4/5/6/7/8/9/ok") != all.end());
  EXPECT_TRUE(std::ranges::find(all, "1/2/3/4/5/6/7/8/9/10/no") == all.end());
  EXPECT_EQ(skipped(), (std::vector<std::string>{"1/2/3/4/5/6/7/8/9/10/ depth 1"}));
}

TEST_F(Workspace, OpensOnlyWhatItFound) {
  file("a");
  const auto found = find_files(fd_.get(), {1 << 20, 10}, {}).found;
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(open_found(fd_.get(), found[0]));
  fs::remove(root_ / "a");
  fs::create_symlink("/etc/passwd", root_ / "a");
  EXPECT_FALSE(open_found(fd_.get(), found[0]));
}

TEST_F(Workspace, PlacesFilesBelowItselfOnly) {
  const UniqueFd source(::open("/etc/passwd", O_RDONLY));
  EXPECT_TRUE(place_file(fd_.get(), *RelativePath::parse("a/b/copy"), source.get(), true, ::getuid()));
  EXPECT_EQ(fs::file_size(root_ / "a/b/copy"), fs::file_size("/etc/passwd"));
  EXPECT_EQ(fs::status(root_ / "a/b/copy").permissions(), fs::perms(0444));
  fs::create_directory_symlink("/tmp", root_ / "out");
  EXPECT_THROW(place_file(fd_.get(), *RelativePath::parse("out/x"), source.get(), false, ::getuid()), Failure);
}

TEST_F(Workspace, PlacesWhatAStreamBrings) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const UniqueFd source(ends[0]);
  std::thread writer([end = ends[1]] {
    const std::string text(300000, 'x');
    EXPECT_EQ(::send(end, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    ::close(end);
  });
  EXPECT_TRUE(place_file(fd_.get(), *RelativePath::parse("big"), source.get(), false, ::getuid()));
  writer.join();
  EXPECT_EQ(fs::file_size(root_ / "big"), 300000u);
}

TEST_F(Workspace, KnowsWhatIsThereWhateverBecameOfIt) {
  const auto there = [&](const char* name) { return is_there(fd_.get(), *RelativePath::parse(name)); };
  file("file");
  file("build/moved", std::string(100, 'x'));
  file(".hidden");
  fs::create_hard_link(root_ / "file", root_ / "twice");
  fs::create_symlink("nowhere", root_ / "link");
  for (const char* name : {"file", "build/moved", ".hidden", "twice", "link"}) EXPECT_TRUE(there(name)) << name;
  for (const char* name : {"gone", "build", "no/such/folder", "file/below"}) EXPECT_FALSE(there(name)) << name;
}

}  // namespace
}  // namespace ci::sandbox
