#include "kubernetes/watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <set>

#include "base/failure.h"
#include "base/log.h"

namespace ci::kubernetes {

namespace json = boost::json;

namespace {

constexpr size_t longest_line = 8 << 20;  // etcd takes objects of 1.5 MB

std::string describe(const Refusal& refusal) {
  return fmt::format("{} {}", refusal.status, refusal.message.empty() ? refusal.reason : refusal.message);
}

}  // namespace

std::string metadata_of(const object& what, std::string_view field) {
  const json::value* metadata = what.if_contains("metadata");
  return metadata != nullptr && metadata->is_object() ? text_at(metadata->get_object(), field) : "";
}

std::optional<WatchEvent> parse_watch_event(std::string_view line) {
  json::error_code error;
  json::value value = json::parse(line, error);
  if (error || !value.is_object()) return std::nullopt;
  const json::value* type = value.get_object().if_contains("type");
  json::value* what = value.get_object().if_contains("object");
  if (type == nullptr || !type->is_string() || what == nullptr || !what->is_object()) return std::nullopt;
  WatchEvent event;
  event.what = std::move(what->get_object());
  event.version = metadata_of(event.what, "resourceVersion");
  const std::string_view word = type->get_string();
  using Type = WatchEvent::Type;
  if (word == "ADDED")
    event.type = Type::added;
  else if (word == "MODIFIED")
    event.type = Type::modified;
  else if (word == "DELETED")
    event.type = Type::removed;
  else if (word == "BOOKMARK")
    event.type = Type::bookmark;
  else if (word == "ERROR") {
    const json::value* code = event.what.if_contains("code");
    event.type = code != nullptr && code->is_int64() && code->get_int64() == 410 ? Type::expired : Type::failed;
  } else {
    return std::nullopt;
  }
  return event;
}

Watch::Watch(asio::any_io_executor executor, Client& client, Selection selection, WatchSettings settings)
    : client_(client), selection_(std::move(selection)), settings_(settings), changes_(std::move(executor)) {}

awaitable<void> Watch::run() {
  std::chrono::milliseconds rest = settings_.first_rest;
  for (;;) {
    std::string problem;
    try {
      if (version_.empty()) co_await list();
      if (!problem_.empty()) {
        log_info("the cluster can be watched again", {{"kind", std::string(selection_.kind.plural)}});
        problem_.clear();
        changes_.announce();
      }
      co_await follow();
      rest = settings_.first_rest;
    } catch (const Failure& failure) {
      problem = failure.what();
    }
    if (problem.empty()) continue;
    if (problem_.empty()) {
      log_warning("cannot watch the cluster", {{"kind", std::string(selection_.kind.plural)}, {"reason", problem}});
    }
    problem_ = problem;
    changes_.announce();
    co_await sleep_for(rest);
    rest = std::min(2 * rest, settings_.longest_rest);
  }
}

awaitable<void> Watch::list() {
  Answer<Listing> listing = co_await client_.list(selection_);
  if (!listing) {
    throw Failure(
        FailureKind::unavailable,
        fmt::format(
            "listing {} in {} was refused: {}", selection_.kind.plural, selection_.home, describe(listing.error())));
  }
  std::set<std::string> gone;
  for (const auto& [name, what] : objects_) gone.insert(name);
  for (object& item : listing->items) {
    const std::string name = metadata_of(item, "name");
    gone.erase(name);
    const auto known = objects_.find(name);
    const bool is_new = known == objects_.end() ||
                        metadata_of(known->second, "resourceVersion") != metadata_of(item, "resourceVersion");
    if (is_new) set(name, std::move(item));
  }
  for (const std::string& name : gone) drop(name);
  version_ = listing->version;
  complete_ = true;
  changes_.announce();
}

awaitable<void> Watch::follow() {
  auto stream = co_await client_.open_watch(selection_, version_, settings_.length, settings_.silence);
  if (!stream) {
    const Refusal& refusal = stream.error();
    version_.clear();  // whatever it was, a list says it better, or shows that it has passed
    if (refusal.is_expired()) co_return;
    throw Failure(
        FailureKind::unavailable,
        fmt::format("watching {} in {} was refused: {}", selection_.kind.plural, selection_.home, describe(refusal)));
  }
  std::string waiting;
  std::vector<std::byte> piece(64 << 10);
  for (;;) {
    const size_t count = co_await (*stream)->read_some(piece);
    if (count == 0) co_return;  // its time is over, or the server goes: the next watch goes on where this ended
    waiting.append(reinterpret_cast<const char*>(piece.data()), count);
    size_t begin = 0;
    for (size_t end; (end = waiting.find('\n', begin)) != waiting.npos; begin = end + 1) {
      auto event = parse_watch_event(std::string_view(waiting).substr(begin, end - begin));
      if (!event) throw Failure(FailureKind::unavailable, "a watch of the cluster brought something that is no event");
      if (event->type == WatchEvent::Type::expired) {
        version_.clear();
        co_return;
      }
      if (event->type == WatchEvent::Type::failed) {
        version_.clear();
        throw Failure(FailureKind::unavailable, "a watch of the cluster failed: " + json::serialize(event->what));
      }
      take(std::move(*event));
    }
    waiting.erase(0, begin);
    if (waiting.size() > longest_line)
      throw Failure(FailureKind::unavailable, "a watch of the cluster brought a line without an end");
  }
}

void Watch::take(WatchEvent event) {
  if (!event.version.empty()) version_ = event.version;
  if (event.type == WatchEvent::Type::bookmark) return;
  const std::string name = metadata_of(event.what, "name");
  if (event.type == WatchEvent::Type::removed)
    drop(name);
  else
    set(name, std::move(event.what));
  changes_.announce();
}

void Watch::set(const std::string& name, object what) {
  object& kept = objects_[name] = std::move(what);
  if (listener_) listener_(name, &kept);
}

void Watch::drop(const std::string& name) {
  if (objects_.erase(name) > 0 && listener_) listener_(name, nullptr);
}

}  // namespace ci::kubernetes
