#include "state/memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/message_socket.h"

namespace ci::state {
namespace {

using Kind = Captured::Kind;
constexpr std::uint64_t limit = 4096;

UniqueFd captured(std::string_view bytes) {
  UniqueFd file = make_capture_file(limit);
  EXPECT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(bytes.size())), 0);
  return file;
}

TEST(CaptureFile, IsNothingUntilItIsCut) {
  const UniqueFd file = make_capture_file(limit);
  EXPECT_EQ(take_capture(file.get(), limit).kind, Kind::nothing);
}

TEST(CaptureFile, CannotGrow) {
  const UniqueFd file = make_capture_file(limit);
  const std::string bytes(limit + 2, '\1');
  EXPECT_LE(::pwrite(file.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(limit + 1));
  EXPECT_NE(::ftruncate(file.get(), limit + 2), 0);
}

TEST(CaptureFile, SaysWhatItsSizeMeans) {
  EXPECT_EQ(take_capture(captured("").get(), limit).kind, Kind::empty);
  EXPECT_EQ(take_capture(captured("\1").get(), limit).kind, Kind::unchanged);
  const UniqueFd file = captured("\1x");
  const Captured state = take_capture(file.get(), limit);
  EXPECT_EQ(state.kind, Kind::state);
  EXPECT_EQ(read_whole(file.get(), state.size), "\1x");
  EXPECT_EQ(take_capture(captured("\3x").get(), limit).kind, Kind::damaged);
}

TEST(CaptureFile, CannotChangeAfterItWasTaken) {
  const UniqueFd file = captured("\1x");
  ASSERT_EQ(take_capture(file.get(), limit).kind, Kind::state);
  EXPECT_LT(::pwrite(file.get(), "\2", 1, 0), 0);
  EXPECT_NE(::ftruncate(file.get(), 1), 0);
  const UniqueFd again = open_again(file.get());
  EXPECT_EQ(::fcntl(again.get(), F_GETFL) & O_ACCMODE, O_RDONLY);
}

TEST(CaptureFile, ThatCouldStillChangeIsRefused) {
  const UniqueFd mapped = captured("\1x");
  void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, mapped.get(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  EXPECT_EQ(take_capture(mapped.get(), limit).kind, Kind::damaged);
  ::munmap(memory, 4096);
  const UniqueFd sealed = captured("\1x");
  ASSERT_EQ(::fcntl(sealed.get(), F_ADD_SEALS, F_SEAL_SEAL), 0);
  EXPECT_EQ(take_capture(sealed.get(), limit).kind, Kind::damaged);
}

TEST(Memory, CopiesFiles) {
  const std::string bytes(300000, 'x');
  const UniqueFd from = os::memory_file("from", bytes);
  const UniqueFd copy = copy_to_memory(from.get(), bytes.size());
  EXPECT_EQ(read_whole(copy.get(), bytes.size()), bytes);
  EXPECT_LT(::pwrite(copy.get(), "y", 1, 0), 0);
}

}  // namespace
}  // namespace ci::state
