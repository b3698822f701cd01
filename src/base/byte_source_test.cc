#include "base/byte_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <string>
#include <vector>

namespace ci {
namespace {

// Runs one read; what it said and whether it needed the pool.
struct Got {
  std::size_t count = 0;
  bool failed = false;
};

class FileSourceTest : public testing::Test {
 protected:
  FileSourceTest() {
    char path[] = "/tmp/byte_source_test.XXXXXX";
    file_.reset(::mkstemp(path));
    ::unlink(path);
    for (std::size_t i = 0; i < 1'000'000; ++i) content_ += static_cast<char>('a' + i % 23);
    EXPECT_EQ(::write(file_.get(), content_.data(), content_.size()), static_cast<ssize_t>(content_.size()));
  }

  Got read(ByteSource& source, std::span<std::byte> into) {
    Got got;
    asio::io_context context;
    asio::co_spawn(context, source.read_some(into), [&](std::exception_ptr failure, std::size_t count) {
      got.failed = failure != nullptr;
      got.count = count;
    });
    context.run();
    return got;
  }

  UniqueFd file_;
  std::string content_;
  asio::thread_pool pool_{1};
};

TEST_F(FileSourceTest, ReadsAllOfAFileInItsOrder) {
  FileSource source(std::move(file_), pool_);
  std::string all;
  std::vector<std::byte> piece(70'000);
  while (const std::size_t count = read(source, piece).count)
    all.append(reinterpret_cast<const char*>(piece.data()), count);
  EXPECT_EQ(all, content_);
  EXPECT_EQ(read(source, piece).count, 0u);
}

// Pipes have no place to read from: what the quick way cannot do, the usual one refuses with a reason.
TEST_F(FileSourceTest, FailsAsTheFileDoes) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd writer(ends[1]);
  FileSource source(UniqueFd(ends[0]), pool_);
  std::vector<std::byte> piece(10);
  EXPECT_TRUE(read(source, piece).failed);
}

}  // namespace
}  // namespace ci
