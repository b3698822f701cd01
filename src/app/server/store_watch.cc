#include "app/server/store_watch.h"

#include "base/failure.h"
#include "base/log.h"

namespace ci::app {

namespace {

// /ready follows a store that is lost or found within five seconds, also one that takes connections and never answers.
constexpr std::chrono::seconds between_checks{2};
constexpr std::chrono::milliseconds patience{2500};

}  // namespace

awaitable<std::optional<std::string>> StoreWatch::problem(Deadline deadline) {
  std::string asked = records_name_;
  try {
    auto answer = co_await records_answer_.answer(deadline);
    if (answer) {
      asked = bodies_name_;
      answer = co_await bodies_answer_.answer(deadline);
    }
    if (answer) co_return std::nullopt;
  } catch (const Failure& failure) {
    if (failure.kind() != FailureKind::unavailable && failure.kind() != FailureKind::timeout) throw;
    co_return failure.what();
  }
  co_return asked + " does not answer in time";
}

awaitable<bool> StoreWatch::ask_records() {
  co_await records_.ping();
  co_return true;
}

awaitable<bool> StoreWatch::ask_bodies() {
  co_await bodies_.ping();
  co_return true;
}

awaitable<void> StoreWatch::wait_until_reachable() {
  std::string said;
  for (;;) {
    std::optional<std::string> reason = co_await problem(Deadline::max());  // they have limits of their own
    if (!reason) co_return;
    if (*reason != said) log_warning("waiting for a store", {{"reason", *reason}});
    said = *reason;
    tell_(false, std::move(*reason));
    co_await sleep_for(between_checks);
  }
}

awaitable<void> StoreWatch::keep_watching() {
  bool reachable = true;
  for (;;) {
    co_await sleep_for(between_checks);
    std::string reason;
    try {
      const auto found = co_await problem(after(patience));
      reason = found.value_or("");
    } catch (const Failure& failure) {
      reason = failure.what();
    }
    if (reason.empty() != reachable) {
      reachable = reason.empty();
      if (reachable) {
        log_info("the stores answer again");
      } else {
        log_warning("a store does not answer", {{"reason", reason}});
      }
    }
    tell_(reachable, reason);
  }
}

}  // namespace ci::app
