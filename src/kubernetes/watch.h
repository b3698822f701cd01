#pragma once
// The objects of a selection, kept up to date: a list, then what changes, for as long as somebody wants to know. Survives
// connections that end, servers that go away and come back, and versions that the server knows no more (it lists again).
//
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes.

#include <chrono>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/async.h"
#include "base/changes.h"
#include "kubernetes/client.h"

namespace ci::kubernetes {

// One line of a watch.
struct WatchEvent {
  enum class Type { added, modified, removed, bookmark, expired, failed };
  Type type = Type::failed;
  object what;          // the object; of a bookmark only its version; of `failed` the server's Status
  std::string version;  // resourceVersion of `what`
};

// Nothing for what is no event.
std::optional<WatchEvent> parse_watch_event(std::string_view line);

struct WatchSettings {
  std::chrono::seconds length{300};  // of one watch: the server may end it earlier
  std::chrono::milliseconds silence{
      90'000};  // without a byte, then the connection is given up. Bookmarks come each minute
  std::chrono::milliseconds first_rest{200};  // after a failure, doubled for each further one
  std::chrono::milliseconds longest_rest{10'000};
};

// Used on the I/O thread. run() must have ended before destruction.
class Watch {
 public:
  Watch(asio::any_io_executor executor, Client& client, Selection selection, WatchSettings settings = {});

  // Until it is cancelled. Failures are logged, once each time it stops working, and told by problem().
  awaitable<void> run();

  // By name. Meaningful after the first list; while problem() is not empty, as of when it began.
  const std::map<std::string, object>& objects() const { return objects_; }
  bool is_complete() const { return complete_; }  // a list has come
  const std::string& problem() const { return problem_; }

  // Suspends until something changed since the call, or the deadline.
  awaitable<void> wait_for_change(Deadline deadline) { return changes_.wait(deadline); }

  // Called on each change of one object, before those who wait go on: what it is now, or null when it is gone.
  void on_change(std::function<void(const std::string& name, const object* now)> listener) {
    listener_ = std::move(listener);
  }

 private:
  awaitable<void> list();
  awaitable<void> follow();  // until the watch ends; throws when it breaks
  void take(WatchEvent event);
  void set(const std::string& name, object what);
  void drop(const std::string& name);

  Client& client_;
  Selection selection_;
  WatchSettings settings_;
  Changes changes_;
  std::function<void(const std::string&, const object*)> listener_;
  std::map<std::string, object> objects_;
  std::string version_;  // where to go on; empty: list first
  bool complete_ = false;
  std::string problem_;
};

// metadata.name and the like; empty when it is not there.
std::string metadata_of(const object& what, std::string_view field);

}  // namespace ci::kubernetes
