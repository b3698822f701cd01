#include "kubernetes/client.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <charconv>
#include <fstream>
#include <iterator>

#include "base/ascii.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/retry.h"

namespace ci::kubernetes {

namespace json = boost::json;

namespace {

constexpr size_t longest_answer = 32 << 20;
constexpr int page_size = 500;  // objects of one answer of a list
constexpr std::string_view merge_patch = "application/merge-patch+json";

std::string encoded(std::string_view text) { return boost::urls::encode(text, boost::urls::unreserved_chars); }

std::string path_of(Kind kind, std::string_view home, std::string_view name = {}) {
  std::string path = fmt::format("/{}", kind.api);
  if (!home.empty()) path += "/namespaces/" + encoded(home);
  path += fmt::format("/{}", kind.plural);
  if (!name.empty()) path += "/" + encoded(name);
  return path;
}

// With "?" and what selects.
std::string path_of(const Selection& selection) {
  std::string path = path_of(selection.kind, selection.home) + "?";
  if (!selection.labels.empty()) path += "labelSelector=" + encoded(selection.labels) + "&";
  if (!selection.fields.empty()) path += "fieldSelector=" + encoded(selection.fields) + "&";
  return path;
}

bool may_pass(int status) { return status == 429 || status >= 500; }

object object_of(std::string_view body, const std::string& what) {
  json::error_code error;
  json::value value = json::parse(body, error);
  if (error || !value.is_object()) {
    throw Failure(
        FailureKind::internal, "the cluster's API server answered " + what + " with something that is no object");
  }
  return std::move(value.get_object());
}

// From a Status object, or whatever stands between us and the server wrote.
Refusal refusal_of(int status, std::string_view body) {
  json::error_code error;
  const json::value value = json::parse(body, error);
  if (error || !value.is_object()) return Refusal(status, "", std::string(trimmed(body.substr(0, 200), " \t\r\n")));
  return Refusal(status, text_at(value.get_object(), "reason"), text_at(value.get_object(), "message"));
}

std::optional<std::chrono::seconds> retry_after(const net::client::Head& head) {
  const std::string* text = head.find("retry-after");
  int seconds = 0;
  if (text == nullptr) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (error != std::errc() || end != text->data() + text->size() || seconds < 0) return std::nullopt;
  return std::chrono::seconds(seconds);
}

net::client::Settings http_settings(int connections) {
  net::client::Settings settings;
  settings.connections = connections;
  return settings;
}

}  // namespace

std::string text_at(const object& from, std::string_view field) {
  const json::value* value = from.if_contains(field);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

const object& object_at(const object& from, std::string_view field) {
  static const object none;
  const boost::json::value* value = from.if_contains(field);
  return value != nullptr && value->is_object() ? value->get_object() : none;
}

struct Client::Call {
  Call(std::string verb, std::string where) : method(std::move(verb)), path(std::move(where)) {}
  std::string method, path, body;
  std::string_view type = "application/json";
};

Client::Client(asio::any_io_executor executor, asio::thread_pool& blocking, Access access, ClientSettings settings)
    : access_(std::move(access)),
      settings_(settings),
      blocking_(blocking),
      http_(executor, http_settings(settings.connections)),
      watching_(executor, http_settings(256)) {}

// The kubelet replaces the token of a pod before it expires.
awaitable<void> Client::renew_token() {
  if (access_.token_file.empty() || std::chrono::steady_clock::now() < token_read_ + settings_.token_lasts) co_return;
  std::string token;
  auto read = [&] {
    std::ifstream file(access_.token_file, std::ios::binary);
    token.assign(std::istreambuf_iterator<char>(file), {});
    return static_cast<bool>(file);
  };
  const bool complete = co_await on_pool(blocking_, [&] { return read(); });
  token = trimmed(token, " \t\r\n");
  if (!complete || token.empty()) throw Failure(FailureKind::unavailable, "cannot read " + access_.token_file.string());
  access_.token = std::move(token);
  token_read_ = std::chrono::steady_clock::now();
}

awaitable<net::client::Request> Client::request_of(const Call& call) {
  co_await renew_token();
  net::client::Request request(call.method, access_.server + call.path);
  request.headers = {"Accept: application/json"};
  if (!call.body.empty()) request.headers.push_back(fmt::format("Content-Type: {}", call.type));
  if (!access_.token.empty()) request.headers.push_back("Authorization: Bearer " + access_.token);
  request.tls.authorities = access_.authorities;
  request.tls.certificate = access_.certificate;
  request.tls.key = access_.key;
  request.body = std::as_bytes(std::span(call.body));
  co_return request;
}

awaitable<Answer<object>> Client::exchange(Call call) {
  const Deadline end = after(settings_.patience);
  Retry retry(end, [this] { return std::uniform_real_distribution<>(0, 1)(random_); });
  for (;;) {
    std::string reason;
    std::optional<std::chrono::milliseconds> asked;
    try {
      net::client::Request request = co_await request_of(call);
      request.deadline = std::min(end, after(settings_.one_try));
      request.silence = settings_.one_try;
      const net::client::Response response = co_await http_.send(std::move(request), longest_answer);
      const int status = response.head.status;
      if (status == 401) token_read_ = {};
      if (status >= 200 && status < 300) co_return object_of(response.body, call.method + " " + call.path);
      Refusal refusal = refusal_of(status, response.body);
      if (!may_pass(status)) co_return std::unexpected(std::move(refusal));
      reason = fmt::format("{} {}", status, refusal.message.empty() ? refusal.reason : refusal.message);
      asked = retry_after(response.head);
    } catch (const Failure& failure) {
      if (failure.kind() != FailureKind::unavailable) throw;
      reason = failure.what();
    }
    std::optional<std::chrono::milliseconds> pause = retry.next(std::chrono::steady_clock::now());
    if (pause && asked) pause = std::max(*pause, *asked);
    if (!pause || after(*pause) >= end) {
      throw Failure(
          FailureKind::unavailable,
          fmt::format("the cluster's API server ({}) does not work: {}", access_.server, reason));
    }
    log_debug("call of the cluster tried again", {{"method", call.method}, {"path", call.path}, {"reason", reason}});
    co_await sleep_for(*pause);
  }
}

awaitable<Answer<object>> Client::find(Kind kind, std::string home, std::string name) {
  Call call("GET", path_of(kind, home, name));
  co_return co_await exchange(std::move(call));
}

awaitable<Answer<Listing>> Client::list(Selection selection) {
  Listing listing;
  const std::string base = path_of(selection) + fmt::format("limit={}", page_size);
  std::string more;
  do {
    Call call("GET", more.empty() ? base : base + "&continue=" + encoded(more));
    Answer<object> answer = co_await exchange(std::move(call));
    if (!answer) {
      // The later pages of a list that took too long are gone: the whole of it, then, in one.
      if (!answer.error().is_expired() || more.empty()) co_return std::unexpected(std::move(answer.error()));
      listing = Listing();
      Call whole("GET", path_of(selection));
      answer = co_await exchange(std::move(whole));
      if (!answer) co_return std::unexpected(std::move(answer.error()));
    }
    const json::value* metadata = answer->if_contains("metadata");
    more.clear();
    if (metadata != nullptr && metadata->is_object()) {
      listing.version = text_at(metadata->get_object(), "resourceVersion");
      more = text_at(metadata->get_object(), "continue");
    }
    json::value* items = answer->if_contains("items");
    if (items == nullptr || !items->is_array()) continue;
    for (json::value& item : items->get_array()) {
      if (item.is_object()) listing.items.push_back(std::move(item.get_object()));
    }
  } while (!more.empty());
  co_return listing;
}

awaitable<Answer<object>> Client::create(Kind kind, std::string home, object what) {
  Call call("POST", path_of(kind, home));
  call.body = json::serialize(what);
  co_return co_await exchange(std::move(call));
}

awaitable<Answer<object>> Client::patch(Kind kind, std::string home, std::string name, object changes) {
  Call call("PATCH", path_of(kind, home, name));
  call.body = json::serialize(changes);
  call.type = merge_patch;
  co_return co_await exchange(std::move(call));
}

awaitable<Answer<object>> Client::remove(Kind kind, std::string home, std::string name, Removal removal) {
  object options;
  options["kind"] = "DeleteOptions";
  options["apiVersion"] = "v1";
  options["propagationPolicy"] = removal.with_dependents ? "Background" : "Orphan";
  if (removal.grace) options["gracePeriodSeconds"] = removal.grace->count();
  if (!removal.uid.empty()) options["preconditions"].emplace_object()["uid"] = removal.uid;
  Call call("DELETE", path_of(kind, home, name));
  call.body = json::serialize(options);
  co_return co_await exchange(std::move(call));
}

awaitable<Answer<std::unique_ptr<ByteSource>>> Client::open_watch(
    Selection selection, std::string version, std::chrono::seconds length, std::chrono::milliseconds silence) {
  Call call(
      "GET", path_of(selection) + fmt::format(
                                      "watch=true&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={}",
                                      length.count(), encoded(version)));
  net::client::Request request = co_await request_of(call);
  request.deadline = after(settings_.one_try);
  request.silence = silence;
  std::unique_ptr<net::client::Stream> stream = co_await watching_.open(std::move(request));
  const int status = stream->head().status;
  if (status == 200) co_return std::move(stream);
  if (status == 401) token_read_ = {};
  std::string body(8 << 10, '\0');
  size_t count = 0;
  while (count < body.size()) {
    const size_t more = co_await stream->read_some(std::as_writable_bytes(std::span(body)).subspan(count));
    if (more == 0) break;
    count += more;
  }
  Refusal refusal = refusal_of(status, std::string_view(body).substr(0, count));
  if (!may_pass(status)) co_return std::unexpected(std::move(refusal));
  throw Failure(
      FailureKind::unavailable,
      fmt::format("the cluster's API server ({}) does not work: {} {}", access_.server, status, refusal.message));
}

awaitable<Answer<std::string>> Client::version() {
  Call call("GET", "/version");
  Answer<object> answer = co_await exchange(std::move(call));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return text_at(*answer, "gitVersion");
}

}  // namespace ci::kubernetes
