#include <fcntl.h>
#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/failure.h"
#include "pool/stream/event_stream.h"
#include "pool/stream/frames.h"
#include "pool/stream/program_feed.h"
#include "pool/stream/program_source.h"
#include "pool/stream/texts.h"

namespace ci::pool {
namespace {

using testing::ElementsAre;

template <class T>
T run(awaitable<T> work) {
  asio::io_context context;
  std::optional<T> result;
  std::exception_ptr failure;
  asio::co_spawn(context, std::move(work), [&](std::exception_ptr error, T value) {
    failure = error;
    result.emplace(std::move(value));
  });
  context.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*result);
}

awaitable<std::string> read_all(ByteSource& source) {
  std::string all;
  std::vector<std::byte> piece(777);
  while (const size_t count = co_await source.read_some(piece))
    all.append(reinterpret_cast<const char*>(piece.data()), count);
  co_return all;
}

// Gives no more than so many bytes at once.
class Dripping final : public ByteSource {
 public:
  Dripping(std::string bytes, size_t most) : bytes_(std::move(bytes)), most_(most) {}
  awaitable<size_t> read_some(std::span<std::byte> into) override {
    const size_t count = std::min({into.size(), most_, bytes_.size() - at_});
    std::memcpy(into.data(), bytes_.data() + at_, count);
    at_ += count;
    co_return count;
  }

 private:
  std::string bytes_;
  size_t most_, at_ = 0;
};

class NoBody final : public InputBody {
 public:
  awaitable<std::unique_ptr<ByteSource>> open() override { co_return nullptr; }
};

void add_input(Program& program, const char* name, std::string bytes) {
  const std::uint64_t size = bytes.size();
  auto body = std::make_unique<OpenBody>(std::make_unique<StringSource>(std::move(bytes)));
  program.inputs.emplace_back(*RelativePath::parse(name), std::move(body), size, false);
}

const std::string large(1 << 20, 'l');

Program sample() {
  Program program;
  program.code = std::string("print('\xff\0')", 11);
  program.arguments = {"a b", ""};
  program.time_limit = std::chrono::milliseconds(1234);
  add_input(program, "large", large);
  add_input(program, "small", "text");
  program.inputs.emplace_back(*RelativePath::parse("gone"), std::make_unique<NoBody>(), 5, true);
  add_input(program, "folder/empty", "");
  program.state.emplace(std::make_unique<StringSource>("state"), 1000, true);
  return program;
}

struct Seen {
  Program program;
  std::map<std::string, std::string> files;
  std::string state;
};

// Reads what has come as a sandbox does: small files at once, then the large ones, perhaps not all of them, then the state.
awaitable<Seen> take(std::string bytes, size_t drip, bool leave_large) {
  Dripping source(std::move(bytes), drip);
  FrameReader frames(source);
  ProgramFeed feed(co_await asio::this_coro::executor, frames);
  co_await feed.read_head();
  Seen seen;
  seen.program = feed.take_program("code.py");
  for (const bool is_large : {false, true}) {
    for (InputFile& input : seen.program.inputs) {
      if (is_large != (input.size > largest_small_input)) continue;
      auto body = co_await input.body->open();
      if (!body) continue;
      std::string& file = seen.files[input.name.text()];
      if (!is_large || !leave_large) file = co_await read_all(*body);
    }
  }
  seen.state = co_await read_all(*seen.program.state->before);
  seen.program.state.reset();
  seen.program.inputs.clear();
  co_return seen;
}

TEST(RunStream, CarriesAProgramWithItsFilesAndState) {
  for (const size_t drip : {size_t{1000}, size_t{1} << 30}) {
    ProgramSource source("py", sample());
    const Seen seen = run(take(run(read_all(source)), drip, false));
    EXPECT_EQ(seen.program.code, std::string("print('\xff\0')", 11));
    EXPECT_THAT(seen.program.arguments, ElementsAre("a b", ""));
    EXPECT_EQ(seen.program.time_limit, std::chrono::milliseconds(1234));
    ASSERT_EQ(seen.files.size(), 3u) << "the one that is gone is not there";
    EXPECT_EQ(seen.files.at("large"), large);
    EXPECT_EQ(seen.files.at("small"), "text");
    EXPECT_EQ(seen.files.at("folder/empty"), "");
    EXPECT_EQ(seen.state, "state");
  }
}

TEST(RunStream, PassesOverTheRestOfAFileThatFindsNoRoom) {
  ProgramSource source("py", sample());
  const Seen seen = run(take(run(read_all(source)), 5000, true));
  EXPECT_EQ(seen.files.at("large"), "");
  EXPECT_EQ(seen.state, "state");
}

awaitable<bool> head_of(std::string bytes) {
  Dripping source(std::move(bytes), 3);
  FrameReader frames(source);
  ProgramFeed feed(co_await asio::this_coro::executor, frames);
  co_await feed.read_head();
  feed.take_program("code.py");
  co_return true;
}

TEST(RunStream, RefusesWhatIsNoProgram) {
  const auto program = [](std::string_view json) { return frame_bytes(FrameTag::program, json); };
  const std::string wrong[] = {
      "",
      "P",
      program(""),
      program("[]"),
      program("{}"),
      program(R"({"time_limit_ms": -1})"),
      frame_bytes(FrameTag::data, "x"),
      std::string("P\x7f\x7f\x7f\x7f", 5),
      program(R"({"time_limit_ms": 1, "inputs": [{"name": "../x"}]})"),
      program(R"({"time_limit_ms": 1, "inputs": [{"name": "code.py"}]})"),
      program(R"({"time_limit_ms": 1, "inputs": [{"name": "large", "size": 900000}, {"name": "small", "size": 1}]})")};
  for (const std::string& bytes : wrong) EXPECT_THROW(run(head_of(bytes)), Failure) << bytes;
  EXPECT_TRUE(run(head_of(program(R"({"time_limit_ms": 1, "of the future": {}})"))));
}

awaitable<std::string> as_bytes(std::vector<Event> events) {
  std::string bytes;
  const WriteBytes write = [&](std::string_view more) -> awaitable<void> {
    bytes += more;
    co_return;
  };
  for (Event& event : events) co_await send_event(std::move(event), write);
  co_return bytes;
}

std::vector<Event> sample_events() {
  std::vector<Event> events;
  events.emplace_back(Output(Stream::out, std::string("a\0b", 3)));
  events.emplace_back(Output(Stream::err, "\xff"));
  events.emplace_back(Call(7, "{}"));
  events.emplace_back(StateLeft(std::make_unique<StringSource>("left")));
  Outcome outcome;
  outcome.ended = Ended::timed_out;
  outcome.signal = 9;
  outcome.wall_time = std::chrono::microseconds(5);
  outcome.unplaced = {"x"};
  outcome.steps.emplace_back("place", 3);
  events.emplace_back(std::move(outcome));
  events.emplace_back(
      std::in_place_type<OutputFile>, "na\xffme", std::make_unique<StringSource>(large), large.size(), false);
  Collected collected;
  collected.complete = true;
  collected.gone = {"g"};
  collected.skipped.emplace_back("link", LeftOut::link, 2);
  collected.skipped_files[static_cast<std::size_t>(LeftOut::link)] = 2;
  events.emplace_back(std::move(collected));
  return events;
}

EventLimits limits_of(std::uint64_t file, std::uint32_t files) {
  EventLimits limits;
  limits.file = file;
  limits.files = files;
  limits.state = 100;
  limits.calls = true;
  return limits;
}

awaitable<std::vector<Event>> events_of(
    std::string bytes, EventLimits limits, asio::thread_pool& blocking, net::BodyBudget::Share room = {}) {
  Dripping source(std::move(bytes), 10000);
  EventReader reader(source, limits, testing::TempDir(), blocking, std::move(room));
  std::vector<Event> events;
  for (;;) {
    Event event = co_await reader.next();
    events.push_back(std::move(event));
    if (std::holds_alternative<Collected>(events.back())) co_return events;
  }
}

TEST(RunStream, CarriesEvents) {
  asio::thread_pool blocking(1);
  auto events = run(events_of(run(as_bytes(sample_events())), limits_of(large.size(), 1), blocking));
  ASSERT_EQ(events.size(), 7u);
  EXPECT_EQ(std::get<Output>(events[0]).bytes, std::string("a\0b", 3));
  EXPECT_EQ(std::get<Output>(events[1]).stream, Stream::err);
  EXPECT_EQ(std::get<Call>(events[2]).number, 7u);
  EXPECT_EQ(run(read_all(*std::get<StateLeft>(events[3]).state)), "left");
  const Outcome& outcome = std::get<Outcome>(events[4]);
  EXPECT_EQ(outcome.ended, Ended::timed_out);
  EXPECT_EQ(outcome.wall_time.count(), 5);
  EXPECT_THAT(outcome.unplaced, ElementsAre("x"));
  EXPECT_EQ(outcome.steps.front().second, 3u);
  OutputFile& file = std::get<OutputFile>(events[5]);
  EXPECT_EQ(file.name, "na\xffme");
  EXPECT_FALSE(file.written);
  EXPECT_GE(file.body->descriptor(), 0);
  EXPECT_EQ(run(read_all(*file.body)), large);
  const Collected& collected = std::get<Collected>(events[6]);
  EXPECT_TRUE(collected.complete);
  EXPECT_EQ(collected.skipped.front().reason, LeftOut::link);
}

TEST(RunStream, TakesNoMoreThanItMay) {
  asio::thread_pool blocking(1);
  const std::string bytes = run(as_bytes(sample_events()));
  EXPECT_THROW(run(events_of(bytes, limits_of(large.size() - 1, 1), blocking)), Failure);
  EXPECT_THROW(run(events_of(bytes, limits_of(large.size(), 0), blocking)), Failure);
  EXPECT_THROW(run(events_of(bytes.substr(0, bytes.size() - 3), limits_of(large.size(), 1), blocking)), Failure);
  EXPECT_THROW(run(events_of("", limits_of(1, 1), blocking)), Failure);
  EventLimits no_calls = limits_of(large.size(), 1);
  no_calls.calls = false;
  EXPECT_THROW(run(events_of(bytes, no_calls, blocking)), Failure);
}

TEST(RunStream, LeavesOutFilesThatFindNoRoomAndGivesRoomBack) {
  asio::thread_pool blocking(1);
  const auto files = [](std::initializer_list<std::size_t> sizes) {
    std::vector<Event> events;
    events.emplace_back(Outcome());
    for (const std::size_t size : sizes) {
      auto body = std::make_unique<StringSource>(std::string(size, 'f'));
      events.emplace_back(std::in_place_type<OutputFile>, std::to_string(size), std::move(body), size, true);
    }
    events.emplace_back(Collected());
    return run(as_bytes(std::move(events)));
  };
  net::BodyBudget budget(std::uint64_t{2} * 300'000);  // of which one owner may have half
  const auto room_of = [&](const char* owner) {
    net::BodyBudget::Share room(budget);
    room.belongs_to(owner);
    return room;
  };
  {
    auto events =
        run(events_of(files({100'000, 250'000, 150'000}), limits_of(large.size(), 3), blocking, room_of("a")));
    ASSERT_EQ(events.size(), 4u) << "the second one finds no room, the third does";
    EXPECT_EQ(std::get<OutputFile>(events[1]).name, "100000");
    EXPECT_EQ(std::get<OutputFile>(events[2]).name, "150000");
    const Collected& collected = std::get<Collected>(events[3]);
    EXPECT_EQ(collected.skipped.front().name, "250000");
    EXPECT_EQ(collected.skipped.front().reason, LeftOut::storing);
    EXPECT_EQ(collected.skipped_files[static_cast<std::size_t>(LeftOut::storing)], 1u);
    EXPECT_EQ(budget.held(), 250'000u);
    const auto others = run(events_of(files({250'000}), limits_of(large.size(), 1), blocking, room_of("b")));
    EXPECT_EQ(others.size(), 3u) << "whoever fills the room takes none from others";
  }
  EXPECT_EQ(budget.held(), 0u) << "as soon as the files are dropped";
}

TEST(RunStream, TakesNothingOutOfOrder) {
  asio::thread_pool blocking(1);
  const std::string outcome = frame_bytes(FrameTag::outcome, outcome_text(Outcome()));
  const std::string collected = frame_bytes(FrameTag::collected, collected_text(Collected()));
  const std::string state = frame_bytes(FrameTag::state) + frame_bytes(FrameTag::end);
  EXPECT_EQ(run(events_of(state + outcome + collected, limits_of(1, 1), blocking)).size(), 3u);
  for (const std::string& wrong :
       {collected, outcome + outcome + collected, state + state + outcome + collected, outcome + state + collected,
        outcome + frame_bytes(FrameTag::out, "x") + collected}) {
    EXPECT_THROW(run(events_of(wrong, limits_of(1, 1), blocking)), Failure) << wrong;
  }
}

TEST(RunStream, AStateOfAnySizeCanBeSealed) {
  asio::thread_pool blocking(1);
  for (const std::size_t size : {std::size_t{10}, std::size_t{3} << 20}) {
    std::vector<Event> events;
    events.emplace_back(StateLeft(std::make_unique<StringSource>(std::string(size, 's'))));
    events.emplace_back(Outcome());
    events.emplace_back(Collected());
    EventLimits limits = limits_of(1, 1);
    limits.state = size;
    auto seen = run(events_of(run(as_bytes(std::move(events))), limits, blocking));
    const int file = std::get<StateLeft>(seen.front()).state->descriptor();
    EXPECT_EQ(::fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), 0) << size;
  }
}

TEST(RunStream, CarriesWords) {
  EXPECT_TRUE(std::holds_alternative<Interrupt>(read_word(word_text(Interrupt()))));
  EXPECT_TRUE(std::holds_alternative<Freeze>(read_word(word_text(Freeze()))));
  Thaw thaw;
  thaw.time_limit = std::chrono::milliseconds(5);
  EXPECT_EQ(std::get<Thaw>(read_word(word_text(thaw))).time_limit->count(), 5);
  EXPECT_EQ(std::get<Answer>(read_word(word_text(Answer(3, "r\xff")))).result, "r\xff");
  EXPECT_THROW(read_word("{}"), Failure);
}

}  // namespace
}  // namespace ci::pool
