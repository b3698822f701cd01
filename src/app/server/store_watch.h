#pragma once
// Whether the stores answer, for whoever asks whether the server is ready. I/O thread.

#include <functional>
#include <optional>
#include <string>

#include "base/async.h"
#include "base/question.h"
#include "store/key_value_store.h"
#include "store/object_store.h"

namespace ci::app {

class StoreWatch {
 public:
  using Tell = std::function<void(bool ready, std::string reason)>;

  // Names are what people call the stores. The stores outlive this.
  StoreWatch(
      store::KeyValueStore& records, std::string records_name, store::ObjectStore& bodies, std::string bodies_name,
      Tell tell)
      : records_(records),
        bodies_(bodies),
        records_name_(std::move(records_name)),
        bodies_name_(std::move(bodies_name)),
        tell_(std::move(tell)) {}
  StoreWatch(const StoreWatch&) = delete;
  StoreWatch& operator=(const StoreWatch&) = delete;

  // A peer that cannot be reached yet is no reason to end: it may start after us. Whoever asks whether we are ready is told
  // why not. Throws for a reason that will not pass.
  awaitable<void> wait_until_reachable();
  // Tells each time it has looked, until it is cancelled.
  awaitable<void> keep_watching();

 private:
  // Why the stores cannot be used now; nothing when they can. Throws for a reason that will not pass.
  awaitable<std::optional<std::string>> problem(Deadline deadline);
  awaitable<bool> ask_records();
  awaitable<bool> ask_bodies();

  store::KeyValueStore& records_;
  store::ObjectStore& bodies_;
  const std::string records_name_, bodies_name_;
  const Tell tell_;
  Question<bool> records_answer_{[this] { return ask_records(); }}, bodies_answer_{[this] { return ask_bodies(); }};
};

}  // namespace ci::app
