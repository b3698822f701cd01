#include "os/source_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "os/message_socket.h"

namespace ci::os {
namespace {

UniqueFd file_from(ByteSource& source) {
  asio::io_context context;
  UniqueFd file;
  const auto work = [&]() -> awaitable<void> { file = co_await file_of(source); };
  std::exception_ptr failure;
  asio::co_spawn(context, work(), [&](std::exception_ptr ended) { failure = ended; });
  context.run();
  EXPECT_FALSE(failure);
  return file;
}

TEST(SourceFile, IsASealedCopyOfWhatHasNoFile) {
  const std::string bytes(700000, 'x');
  StringSource source(bytes);
  const UniqueFd file = file_from(source);
  std::string copy(bytes.size() + 1, '\0');
  EXPECT_EQ(::pread(file.get(), copy.data(), copy.size(), 0), static_cast<ssize_t>(bytes.size()));
  EXPECT_TRUE(copy.starts_with(bytes));
  EXPECT_LT(::pwrite(file.get(), "y", 1, 0), 0);
}

TEST(SourceFile, IsTheFileWhereThereIsOne) {
  asio::thread_pool pool(1);
  UniqueFd memory = memory_file("a", "bytes");
  struct stat before{}, after{};
  ::fstat(memory.get(), &before);
  FileSource source(std::move(memory), pool);
  const UniqueFd file = file_from(source);
  ASSERT_EQ(::fstat(file.get(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

}  // namespace
}  // namespace ci::os
