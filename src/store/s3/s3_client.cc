#include "store/s3/s3_client.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/retry.h"
#include "store/s3/answers.h"

namespace ci::store::s3 {

namespace {

constexpr size_t longest_answer = 8 << 20;  // a list of 1000 keys has less than one
// However slowly bytes trickle, one try ends.
constexpr std::chrono::minutes longest_try{5};

std::string host_header(const S3Settings& settings) {
  const std::string_view usual = settings.secure ? ":443" : ":80";
  if (settings.endpoint.ends_with(usual)) return settings.endpoint.substr(0, settings.endpoint.size() - usual.size());
  return settings.endpoint;
}

net::client::Settings http_settings(const S3Settings& settings) {
  net::client::Settings http;
  http.ca_file = settings.ca_file;
  http.connect_timeout = std::min(http.connect_timeout, settings.timeout / 2);
  return http;
}

bool may_pass(const Answer& answer) {
  const int status = answer.status();
  if (status == 501 || status == 505 || status == 507) return false;
  return status >= 500 || status == 429 || answer.code == "RequestTimeout" || answer.code == "SlowDown";
}

bool is_expired(const Answer& answer) {
  return answer.code == "ExpiredToken" || answer.code == "TokenRefreshRequired" || answer.code == "InvalidToken";
}

std::string describe(const Answer& answer) {
  return fmt::format("{}{}{}", answer.status(), answer.code.empty() ? "" : " ", answer.code);
}

}  // namespace

S3Client::S3Client(const S3Settings& settings, asio::any_io_executor executor, asio::thread_pool& pool)
    : settings_(settings),
      host_(host_header(settings)),
      http_(executor, http_settings(settings)),
      credentials_(make_credentials(settings, executor, pool)) {}

net::client::Request S3Client::sign(const Call& call, const Credentials& credentials) const {
  SigningKey key;
  key.access_key = credentials.access_key;
  key.secret_key = credentials.secret_key;
  key.region = settings_.region;
  key.time = std::chrono::system_clock::now();

  ToSign to_sign;
  to_sign.method = call.method;
  to_sign.path = "/" + encode_path(settings_.bucket) + (call.key.empty() ? "" : "/" + encode_path(call.key));
  to_sign.query = encode_query(call.query);
  to_sign.headers = call.headers;
  to_sign.headers.emplace_back("host", host_);
  to_sign.headers.emplace_back("x-amz-content-sha256", call.payload_hash);
  to_sign.headers.emplace_back("x-amz-date", amz_date(key.time));
  if (!credentials.session_token.empty())
    to_sign.headers.emplace_back("x-amz-security-token", credentials.session_token);
  to_sign.payload_hash = call.payload_hash;

  net::client::Request request(
      call.method, fmt::format(
                       "{}://{}{}{}{}", settings_.secure ? "https" : "http", settings_.endpoint, to_sign.path,
                       to_sign.query.empty() ? "" : "?", to_sign.query));
  for (const auto& [name, value] : to_sign.headers) request.headers.push_back(name + ": " + value);
  request.headers.push_back("Authorization: " + authorization(key, to_sign));
  request.body = call.body;
  return request;
}

awaitable<Answer> S3Client::attempt(const Call& call, Reading reading, std::chrono::milliseconds silence) {
  const Credentials credentials = co_await credentials_->current();
  net::client::Request request = sign(call, credentials);
  request.silence = silence;
  request.deadline = after(longest_try);
  Answer answer;
  answer.stream = co_await http_.open(std::move(request));
  answer.head = answer.stream->head();
  if (reading == Reading::as_wanted && answer.ok()) co_return answer;
  std::vector<std::byte> piece(16 << 10);
  for (;;) {
    const size_t count = co_await answer.stream->read_some(piece);
    if (count == 0) break;
    if (answer.body.size() + count > longest_answer) {
      throw Failure(FailureKind::internal, "the object store sent a longer answer than it should");
    }
    answer.body.append(reinterpret_cast<const char*>(piece.data()), count);
  }
  answer.stream.reset();
  // Some requests are answered 200 before their outcome is known.
  answer.code = error_code(answer.body);
  if (answer.ok() && !answer.code.empty()) answer.head.status = 500;
  co_return answer;
}

awaitable<Answer> S3Client::exchange(const Call& call, Reading reading) {
  const Deadline end = after(settings_.timeout);
  Retry retry(end, [this] { return std::uniform_real_distribution<>(0, 1)(random_); });
  bool renewed = false;
  for (int tries = 1;; ++tries) {
    // The last try may overrun a little, since it needs a chance.
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    const auto silence = std::min(settings_.timeout / 2, std::max(left, settings_.timeout / 8));
    Answer answer;
    std::string reason;
    try {
      answer = co_await attempt(call, reading, silence);
    } catch (const Failure& failure) {
      if (failure.kind() != FailureKind::unavailable) throw;
      reason = failure.what();
    }
    answer.tries = tries;
    if (reason.empty()) {
      if (is_expired(answer) && !renewed && credentials_->renew()) {
        renewed = true;
        continue;
      }
      if (!may_pass(answer)) co_return answer;
      reason = describe(answer);
    }
    const auto pause = call.again ? retry.next(std::chrono::steady_clock::now()) : std::nullopt;
    if (!pause) throw Failure(FailureKind::unavailable, fmt::format("the object store does not work: {}", reason));
    log_debug("object store tried again", {{"method", call.method}, {"reason", reason}});
    co_await sleep_for(*pause);
  }
}

awaitable<Answer> S3Client::call(const Call& call) { co_return co_await exchange(call, Reading::whole); }
awaitable<Answer> S3Client::open(const Call& call) { co_return co_await exchange(call, Reading::as_wanted); }

Failure S3Client::failure_of(const Answer& answer, const std::string& doing) const {
  FailureKind kind = FailureKind::internal;
  std::string hint;
  const std::string& code = answer.code;
  if (answer.status() == 404) kind = FailureKind::not_found;
  const bool is_full = answer.status() == 507 || code == "QuotaExceeded" || code == "XMinioStorageFull" ||
                       code == "XMinioAdminBucketQuotaExceeded";
  if (is_full) hint = "; the object store or its quota is full";
  if (is_full || may_pass(answer)) kind = FailureKind::unavailable;
  if (code == "InvalidAccessKeyId" || code == "SignatureDoesNotMatch") hint = "; are the keys and the region right?";
  if (code == "AccessDenied") hint = fmt::format("; may these credentials use the bucket {}?", settings_.bucket);
  if (code == "RequestTimeTooSkewed") hint = "; the clock of this machine or of the server is wrong";
  if (code == "PermanentRedirect" || code == "AuthorizationHeaderMalformed") hint = "; is the region right?";
  return Failure(kind, fmt::format("{}: the object store answered {}{}", doing, describe(answer), hint));
}

}  // namespace ci::store::s3
