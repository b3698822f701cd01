#pragma once
// Calls to a cluster's API server, objects as JSON. Built, used and destroyed on the I/O thread; nothing here blocks it.
//
// What the server refuses is a value, since callers branch on it. What may pass (no connection, 429, 5xx) is tried again,
// after growing random pauses or what the server asks for, as long as the patience of the settings lasts, and fails as
// `unavailable` then. A try may have been carried out although its answer was lost: create() of a named object may then
// say that it exists, and remove() that it is absent.
//
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/.

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/byte_source.h"
#include "kubernetes/access.h"
#include "net/client/http_client.h"

namespace ci::kubernetes {

using boost::json::object;

// What an object is: the path of its API and its name in the plural.
struct Kind {
  std::string_view api, plural;
};
namespace kinds {
inline constexpr Kind pod{"api/v1", "pods"};
inline constexpr Kind event{"api/v1", "events"};
inline constexpr Kind job{"apis/batch/v1", "jobs"};
inline constexpr Kind lease{"apis/coordination.k8s.io/v1", "leases"};
inline constexpr Kind access_review{"apis/authorization.k8s.io/v1", "selfsubjectaccessreviews"};  // in no namespace
}  // namespace kinds

// Objects of one kind in one namespace. Selectors as the API takes them: "a=b,c in (d,e)", "status.phase=Running".
struct Selection {
  Selection(Kind what, std::string where) : kind(what), home(std::move(where)) {}
  Kind kind;
  std::string home;
  std::string labels, fields;
};

// An answer of the server's own that says no.
struct Refusal {
  Refusal(int code, std::string why, std::string text)
      : status(code), reason(std::move(why)), message(std::move(text)) {}
  int status;
  std::string reason;   // "NotFound", "AlreadyExists", "Conflict", "Forbidden" …
  std::string message;  // for people

  bool is_absent() const { return status == 404; }
  bool exists() const { return reason == "AlreadyExists"; }
  bool is_conflict() const { return status == 409 && !exists(); }  // somebody else changed it meanwhile
  bool is_expired() const { return status == 410; }                // a version that the server knows no more
};

template <class T>
using Answer = std::expected<T, Refusal>;

struct Listing {
  std::vector<object> items;
  std::string version;  // where a watch goes on
};

struct Removal {
  Removal() = default;
  std::optional<std::chrono::seconds> grace;  // nothing: the object's own
  std::string uid;                            // only this very object; empty: whatever has the name
  bool with_dependents = true;                // in the background
};

struct ClientSettings {
  std::chrono::milliseconds patience{15000};  // of one call, with all its tries
  std::chrono::milliseconds one_try{8000};
  std::chrono::seconds token_lasts{60};  // until its file is read again
  int connections = 32;                  // watches have their own
};

class Client {
 public:
  // `blocking` reads the token's file.
  Client(asio::any_io_executor executor, asio::thread_pool& blocking, Access access, ClientSettings settings = {});

  const Access& access() const { return access_; }

  awaitable<Answer<object>> find(Kind kind, std::string home, std::string name);
  awaitable<Answer<Listing>> list(Selection selection);
  // An empty `home`: of no namespace.
  awaitable<Answer<object>> create(Kind kind, std::string home, object what);
  // A merge patch (RFC 7386). With metadata.resourceVersion in it only when that is still the object's: else a conflict.
  awaitable<Answer<object>> patch(Kind kind, std::string home, std::string name, object changes);
  // What was removed, as it was then.
  awaitable<Answer<object>> remove(Kind kind, std::string home, std::string name, Removal removal = {});

  // The answer of a watch from `version` on: a line of JSON for each event, for `length` at most. Tried once.
  awaitable<Answer<std::unique_ptr<ByteSource>>> open_watch(
      Selection selection, std::string version, std::chrono::seconds length, std::chrono::milliseconds silence);

  // The version of the server: "v1.31.2". Also a way to see whether it answers and knows us.
  awaitable<Answer<std::string>> version();

 private:
  struct Call;

  awaitable<Answer<object>> exchange(Call call);
  awaitable<net::client::Request> request_of(const Call& call);
  awaitable<void> renew_token();

  Access access_;
  ClientSettings settings_;
  asio::thread_pool& blocking_;
  net::client::Client http_, watching_;
  Deadline token_read_{};
  std::mt19937_64 random_{std::random_device{}()};
};

// A text in an object; empty when it is not there, or is something else.
std::string text_at(const object& from, std::string_view field);
// An object in an object, on the same terms.
const object& object_at(const object& from, std::string_view field);

}  // namespace ci::kubernetes
