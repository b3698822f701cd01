#include "pool/stream/program_feed.h"

#include <algorithm>
#include <cstring>

#include "base/failure.h"

namespace ci::pool {

// The bytes of one body, read from the frames as they come.
class ProgramFeed::Source final : public ByteSource {
 public:
  Source(ProgramFeed& feed, std::string first, bool at_end) : feed_(feed), piece_(std::move(first)), at_end_(at_end) {}
  ~Source() override {
    if (at_end_) return;
    feed_.is_abandoned_ = true;
    feed_.changes_.announce();
  }

  awaitable<size_t> read_some(std::span<std::byte> into) override {
    while (taken_ == piece_.size() && !at_end_) {
      auto next = co_await feed_.next_piece();
      at_end_ = !next;
      piece_ = std::move(next).value_or("");
      taken_ = 0;
    }
    const size_t count = std::min(into.size(), piece_.size() - taken_);
    std::memcpy(into.data(), piece_.data() + taken_, count);
    taken_ += count;
    co_return count;
  }

 private:
  ProgramFeed& feed_;
  std::string piece_;
  size_t taken_ = 0;
  bool at_end_;
};

class ProgramFeed::Body final : public InputBody {
 public:
  Body(ProgramFeed& feed, std::size_t number, bool is_small) : feed_(feed), number_(number), is_small_(is_small) {}

  awaitable<std::unique_ptr<ByteSource>> open() override {
    co_await feed_.wait_for_turn(number_);
    auto first = co_await feed_.next_piece();
    if (!first) {
      if (feed_.reader_.was_absent()) co_return nullptr;
      co_return std::make_unique<StringSource>("");
    }
    if (!is_small_) co_return std::make_unique<Source>(feed_, std::move(*first), false);
    // Others wait for their turn, and nobody may begin to read this one before they have theirs.
    std::string all = std::move(*first);
    for (;;) {
      auto more = co_await feed_.next_piece();
      if (!more) break;
      all += *more;
      if (all.size() > 2 * largest_small_input) throw Failure(FailureKind::invalid, "a file is larger than was said");
    }
    co_return std::make_unique<StringSource>(std::move(all));
  }

 private:
  ProgramFeed& feed_;
  std::size_t number_;
  bool is_small_;
};

// A source that has its turn when it is first read: what comes after all files.
class ProgramFeed::Whole final : public ByteSource {
 public:
  Whole(ProgramFeed& feed, std::size_t number) : body_(feed, number, false) {}

  awaitable<size_t> read_some(std::span<std::byte> into) override {
    if (!source_) source_ = co_await body_.open();
    if (!source_) co_return 0;
    co_return co_await source_->read_some(into);
  }

 private:
  Body body_;
  std::unique_ptr<ByteSource> source_;
};

awaitable<void> ProgramFeed::read_head() {
  std::optional<Frame> frame = co_await reader_.next(longest_program);
  if (!frame || frame->tag != FrameTag::program) throw Failure(FailureKind::invalid, "a run begins with its program");
  stated_ = read_program(frame->payload);
}

Program ProgramFeed::take_program(std::string_view own_file) {
  Program program;
  program.code = std::move(stated_.code);
  program.arguments = std::move(stated_.arguments);
  program.calls = stated_.calls;
  program.time_limit = stated_.time_limit;
  program.compile_limit = stated_.compile_limit;
  program.memory_limit = stated_.memory_limit;
  program.output_file_limit = stated_.output_file_limit;
  program.output_file_count = stated_.output_file_count;
  std::size_t number = 0;
  const auto is_small = [](const StatedInput& input) { return input.size <= largest_small_input; };
  // Small ones are wanted first: one behind a large one would be waited for, and so would the large one.
  if (!std::ranges::is_partitioned(stated_.inputs, is_small))
    throw Failure(FailureKind::invalid, "a small file comes after a large one");
  for (const StatedInput& input : stated_.inputs) {
    const auto name = RelativePath::parse(input.name);
    if (!name || name->text() == own_file)
      throw Failure(FailureKind::invalid, "a file cannot be placed under its name");
    auto body = std::make_unique<Body>(*this, number++, is_small(input));
    program.inputs.emplace_back(*name, std::move(body), input.size, input.read_only);
  }
  if (stated_.largest_state) {
    std::unique_ptr<ByteSource> before;
    if (stated_.state_before) before = std::make_unique<Whole>(*this, number);
    program.state.emplace(std::move(before), *stated_.largest_state, stated_.state_after_errors);
  }
  return program;
}

awaitable<void> ProgramFeed::wait_for_turn(std::size_t number) {
  for (;;) {
    if (is_open_ && is_abandoned_) co_await skip_rest();
    if (turn_ == number && !is_open_) break;
    co_await changes_.wait();
  }
  is_open_ = true;
}

awaitable<std::optional<std::string>> ProgramFeed::next_piece() {
  auto piece = co_await reader_.next_piece();
  if (!piece) {
    is_open_ = false;
    ++turn_;
    changes_.announce();
  }
  co_return piece;
}

awaitable<void> ProgramFeed::skip_rest() {
  is_abandoned_ = false;
  for (;;) {
    const auto piece = co_await next_piece();
    if (!piece) co_return;
  }
}

}  // namespace ci::pool
