#include "api/auth.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "access/body_key.h"
#include "access/client_address.h"
#include "api/errors.h"
#include "base/ascii.h"
#include "base/log.h"

namespace ci::api {

namespace {

bool has_body(const net::Request& request) {
  return request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
}

bool is_json(const net::Request& request) {
  std::string type = lower_case(request.headers.find("Content-Type").value_or(""));
  type.resize(std::min(type.size(), type.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  return type == "application/json";
}

constexpr std::size_t read_of_strangers = 64 << 10;

// What was read already, then the rest.
class ResumedBody final : public ByteSource {
 public:
  ResumedBody(std::string begin, ByteSource& rest) : begin_(std::move(begin)), rest_(rest) {}
  awaitable<size_t> read_some(std::span<std::byte> into) override {
    if (offset_ == begin_.size()) {
      begin_ = std::string();
      offset_ = 0;
      co_return co_await rest_.read_some(into);
    }
    const std::size_t count = std::min(into.size(), begin_.size() - offset_);
    std::memcpy(into.data(), begin_.data() + offset_, count);
    offset_ += count;
    co_return count;
  }

 private:
  std::string begin_;
  std::size_t offset_ = 0;
  ByteSource& rest_;
};

}  // namespace

void check_content_type(const net::Request& request) {
  constexpr std::array<std::string_view, 4> taken = {
      "application/json", "multipart/form-data", "application/x-www-form-urlencoded", "text/plain"};
  if (!has_body(request)) return;
  const std::string_view sent = request.headers.find("Content-Type").value_or("");
  const std::string type = lower_case(sent);
  if (std::ranges::any_of(taken, [&](std::string_view one) { return type.contains(one); })) return;
  throw ApiError(415, "Unsupported content type: " + std::string(sent));
}

files::Caller caller_of(const net::Request& request) {
  files::Caller caller(request.caller, std::string(request.headers.find("User-Id").value_or("")));
  caller.former = request.former_caller;
  return caller;
}

Authenticator::Authenticator(const access::ApiKeys& keys, const ApiSettings& settings)
    : keys_(keys),
      settings_(settings),
      trusted_(settings.trusted_networks),
      proxies_(settings.trusted_proxies),
      failures_(settings.failure_limit, settings.failure_window) {}

std::optional<std::string> Authenticator::key_in_headers(const net::Request& request) const {
  access::PresentedKeys presented;
  presented.api_key_header = request.headers.find("x-api-key");
  if (presented.api_key_header.value_or("").empty() && !settings_.api_key_header.empty()) {
    presented.api_key_header = request.headers.find(settings_.api_key_header);
  }
  presented.authorization = request.headers.find("Authorization");
  return access::presented_key(presented);
}

void Authenticator::refuse_when_failing(const std::string& address) {
  if (const auto wait = failures_.refuse(address, std::chrono::steady_clock::now())) {
    throw ApiError::rate_limited("Too many authentication failures. Please try again later.", *wait);
  }
}

// Nobody gets much of us before we know who it is. 64 KB are read and looked through of everybody. An address that has
// not failed lately may also have its key behind long code: then we go on reading, as long as all strangers together do
// not take more memory than they may.
awaitable<std::optional<std::string>> Authenticator::key_in_body(
    net::Request& request, const std::string& address, std::unique_ptr<ByteSource>& body) {
  if (request.content_length.value_or(0) > settings_.json_bytes) throw ApiError(413, "Request body too large");
  const bool has_failed = failures_.has_failed(address, std::chrono::steady_clock::now());
  const std::uint64_t most = has_failed ? read_of_strangers : settings_.json_bytes;
  const std::uint64_t announced = request.content_length.value_or(most);
  access::BodyKey scanner;
  std::string text;
  bool useful = true, ended = false;
  while (!ended && useful && text.size() < most) {
    if (text.size() >= read_of_strangers && scanner.key()) break;
    const std::size_t begin = text.size();
    const std::uint64_t left = announced - std::min<std::uint64_t>(begin, announced);
    const auto piece = static_cast<std::size_t>(
        std::min<std::uint64_t>({read_of_strangers, most - begin, std::max<std::uint64_t>(left, 1)}));
    if (!request.held.set(begin + piece)) {
      if (begin >= read_of_strangers) break;
      throw ApiError::unavailable("Too many large requests are being read; try again later");
    }
    text.resize(begin + piece);
    const std::size_t count = co_await request.body->read_some(std::as_writable_bytes(std::span(text)).subspan(begin));
    text.resize(begin + count);
    ended = count == 0;
    if (!ended) useful = scanner.feed(std::string_view(text).substr(begin));
  }
  std::optional<std::string> key = scanner.key();
  if (!key) refuse_without_key(address, !ended && useful);
  body = std::make_unique<ResumedBody>(std::move(text), *request.body);
  request.body = body.get();
  co_return key;
}

void Authenticator::refuse_without_key(const std::string& address, bool read_partly) {
  // Never 429: a person must set a key, and waiting does not help.
  failures_.failed(address, "", std::chrono::steady_clock::now());
  if (!read_partly) throw ApiError(401, "Missing API key");
  const Detail detail{
      "header -> x-api-key", "No key in the headers, nor in the first 64 KB of the body: send it in a header",
      "missing"};
  throw ApiError(401, "Missing API key", {detail});
}

std::string Authenticator::address_of(const net::Request& request) const {
  const auto forwarded = request.headers.find("X-Forwarded-For");
  return access::client_address(request.peer, forwarded, proxies_).to_string();
}

// Each user of a host is a caller of their own; a tenant is what is counted by.
std::optional<access::Principal> Authenticator::principal_of_token(const std::string& token) const {
  const auto claims = tokens_->verify(token, std::chrono::system_clock::now());
  if (!claims) {
    if (settings_.security_log) log_warning("a token was refused", {{"reason", claims.error()}});
    return std::nullopt;
  }
  if (!claims->worker.empty()) {
    throw ApiError::unsupported(
        "This server has no workspaces on users' machines; use an environment of the type \"managed\"");
  }
  access::Principal principal;
  principal.id = "user-" + access::short_hash_of_key(claims->tenant + "\n" + claims->user);
  principal.queue = principal.id;
  principal.short_hash = access::short_hash_of_key(claims->tenant);
  return principal;
}

// Nothing when nobody knows the key.
awaitable<std::optional<access::Principal>> Authenticator::principal_of_key(const std::string& key) {
  constexpr std::size_t longest_managed = 256;  // theirs have 35 letters
  access::Principal principal;
  principal.hash = access::hash_of_key(key);
  principal.short_hash = principal.hash.substr(0, 16);
  if (const auto credential = keys_.credential_of(key)) {
    principal.id = *credential;
    if (settings_.former_sessions) principal.former_id = access::former_credential;
  } else if (tokens_ != nullptr && access::is_token(key)) {
    co_return principal_of_token(key);
  } else {
    if (managed_ == nullptr || key.size() > longest_managed) co_return std::nullopt;
    const auto record = co_await managed_->ring.find(key);
    if (!record) co_return std::nullopt;
    if (!record->enabled) throw ApiError(401, "API key is disabled");
    principal.id = "key-" + principal.short_hash;
    principal.limits = record->limits;
    principal.ceilings = record->ceilings;
  }
  principal.queue = principal.id;
  if (managed_ != nullptr) managed_->limiter.note_use(principal.hash, std::chrono::system_clock::now());
  co_return principal;
}

awaitable<access::Principal> Authenticator::authenticate(net::Request& request, std::unique_ptr<ByteSource>& body) {
  const std::string address = address_of(request);
  access::Principal nobody;
  nobody.queue = address;
  if (!settings_.authentication) {
    nobody.id = "anonymous";
    co_return nobody;
  }
  const bool trusted = trusted_.contains(request.peer);
  std::optional<std::string> key = key_in_headers(request);
  if (!key && !trusted && has_body(request) && is_json(request)) {
    key = co_await key_in_body(request, address, body);
  }
  if (key) {
    // Also at an address with many failures: behind a proxy all clients share one.
    auto principal = co_await principal_of_key(*key);
    if (principal) co_return std::move(*principal);
  }
  if (trusted) {
    nobody.id = "trusted";
    co_return nobody;
  }
  if (!key) refuse_without_key(address, false);
  refuse_when_failing(address);
  failures_.failed(address, *key, std::chrono::steady_clock::now());
  if (settings_.security_log) log_warning("wrong API key", {{"client_ip", address}, {"request_id", request.id}});
  throw ApiError(401, "Invalid API key");
}

void Authenticator::check_administrator(const net::Request& request) {
  const std::string address = address_of(request);
  const std::optional<std::string> key = key_in_headers(request);
  if (!key) throw ApiError::invalid({{"header -> x-api-key", "Field required", "missing"}});
  if (settings_.master_key.empty()) throw ApiError(500, "Admin operations are disabled (no MASTER_API_KEY configured)");
  // Digests, so that how long it takes tells nothing, not even a length.
  const std::string wanted = access::hash_of_key(settings_.master_key), found = access::hash_of_key(*key);
  if (::CRYPTO_memcmp(wanted.data(), found.data(), wanted.size()) == 0) return;
  refuse_when_failing(address);
  failures_.failed(address, *key, std::chrono::steady_clock::now());
  if (settings_.security_log) log_warning("wrong master key", {{"client_ip", address}, {"request_id", request.id}});
  throw ApiError(403, "Invalid Master API Key");
}

const access::Principal& principal_of(const net::Request& request) {
  static const access::Principal nobody;
  if (!request.principal) return nobody;
  return *static_cast<const access::Principal*>(request.principal.get());
}

void let_in(net::Request& request, access::Principal principal) {
  request.caller = principal.id;
  request.former_caller = principal.former_id;
  request.queue = principal.queue;
  request.held.belongs_to(request.queue);
  request.principal = std::make_shared<const access::Principal>(std::move(principal));
}

}  // namespace ci::api
