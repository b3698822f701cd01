#include "execution/run.h"

#include <algorithm>
#include <utility>

#include "base/failure.h"

namespace ci::execution {

namespace {

// Of what a program prints, for readers that come later or are slow.
constexpr std::size_t text_kept = 256 << 10;

}  // namespace

Run::Run(asio::any_io_executor executor, std::string id, RunOptions options)
    : id_(std::move(id)), options_(std::move(options)), events_(executor, text_kept), ordered_(executor) {}

const ExecutionResult& Run::result() const {
  if (failure_) std::rethrow_exception(failure_);
  CHECK(result_.has_value());
  return *result_;
}

Run::Reader::Reader(std::shared_ptr<Run> run, Lag lag, std::uint64_t last_seen)
    : run_(std::move(run)), events_(run_->events_, lag, last_seen) {
  ++run_->readers_;
}

Run::Reader::~Reader() {
  if (--run_->readers_ == 0 && run_->options_.abandoned == Abandoned::end) run_->cancel();
}

void Run::interrupt() {
  if (state_ == RunState::waiting) {
    cancel();
  } else if (!decided_) {
    orders_.emplace_back(Interrupted());
    ordered_.announce();
  }
}

bool Run::cancel() {
  if (decided_) return false;
  if (std::exchange(cancelled_, true)) return true;
  orders_.emplace_front(Interrupted());
  ordered_.announce();
  events_.hurry();
  return true;
}

void Run::pause(std::chrono::milliseconds longest) {
  PauseOrder order;
  order.longest = longest;
  orders_.emplace_back(order);
  ordered_.announce();
}

void Run::resume(std::vector<pool::Answer> answers, std::optional<std::chrono::milliseconds> time_limit) {
  orders_.emplace_back(ResumeOrder(std::move(answers), time_limit));
  ordered_.announce();
}

void Run::enter(Phase phase, const std::string& session) {
  phase_ = phase;
  session_ = session;
  events_.add(phase);
}

awaitable<void> Run::print(pool::Stream stream, std::string text) {
  if (options_.live) co_await events_.print(stream, std::move(text));
}

void Run::paused() {
  state_ = RunState::paused;
  events_.add(Paused());
}

void Run::resumed() {
  state_ = RunState::running;
  events_.add(Resumed());
}

awaitable<std::optional<Run::Order>> Run::order(Deadline deadline) {
  while (orders_.empty() && std::chrono::steady_clock::now() < deadline) co_await ordered_.wait(deadline);
  if (orders_.empty()) co_return std::nullopt;
  Order next = std::move(orders_.front());
  orders_.pop_front();
  co_return next;
}

awaitable<void> Run::given_up() {
  while (!cancelled_ || state_ != RunState::waiting) co_await ordered_.wait();
}

bool Run::decide() {
  decided_ = true;
  return !cancelled_;
}

void Run::end(ExecutionResult result) {
  result_ = std::move(result);
  ended();
}

void Run::fail(std::exception_ptr failure) {
  failure_ = std::move(failure);
  ended();
}

void Run::ended() {
  decided_ = true;
  state_ = RunState::ended;
  options_.place.reset();
  events_.add(Ended());
}

}  // namespace ci::execution
