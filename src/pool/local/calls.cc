#include "pool/local/calls.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/sys.h"

namespace ci::pool {

namespace {

constexpr std::size_t most_unsaid = 32 << 20;

// Ours does not block; the guest's does.
void make_pipe(asio::posix::stream_descriptor& ours, UniqueFd& theirs, int our_end) {
  int ends[2];
  sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
  theirs.reset(ends[1 - our_end]);
  UniqueFd mine(ends[our_end]);
  sys("making a descriptor non-blocking", [&] { return ::fcntl(mine.get(), F_SETFL, O_NONBLOCK); });
  ours.assign(mine.release());
}

}  // namespace

Calls::Calls(asio::any_io_executor executor) : calls_(executor), answers_(executor) {
  make_pipe(calls_, guest_calls_, 0);
  make_pipe(answers_, guest_answers_, 1);
}

bool Calls::read(std::vector<Call>& into) {
  if (!calls_.is_open()) return false;
  std::array<char, 64 << 10> buffer;
  const ssize_t got = ::read(calls_.native_handle(), buffer.data(), buffer.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got <= 0) {
    calls_.close();  // what is still to be answered is
    return true;
  }
  for (Call& call : frames_.take({buffer.data(), static_cast<std::size_t>(got)})) into.push_back(std::move(call));
  if (frames_.broken()) close();
  return true;
}

void Calls::answer(const Answer& answer) {
  std::string frame = frames_.answer(answer);
  if (frame.empty() || !answers_.is_open()) return;
  if (unsaid_bytes_ + frame.size() > most_unsaid)
    throw Failure(FailureKind::exhausted, "the program does not take its answers");
  unsaid_bytes_ += frame.size();
  unsaid_.push_back(std::move(frame));
  write();
}

void Calls::write() {
  while (!unsaid_.empty()) {
    const std::string& frame = unsaid_.front();
    const ssize_t count = ::write(answers_.native_handle(), frame.data() + said_, frame.size() - said_);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count < 0) return close();  // nobody reads them any more
    said_ += static_cast<std::size_t>(count);
    if (said_ < frame.size()) continue;
    unsaid_bytes_ -= frame.size();
    unsaid_.pop_front();
    said_ = 0;
  }
}

void Calls::close() {
  calls_.close();
  answers_.close();
  unsaid_.clear();
  said_ = unsaid_bytes_ = 0;
}

}  // namespace ci::pool
