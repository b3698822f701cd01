#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cstring>

#include "base/failure.h"
#include "net/client/engine.h"

namespace ci::net::client {

namespace {

// When so much of a body waits to be read, the other side is held back.
constexpr size_t high_water = 256 << 10;
constexpr size_t streamed_piece = 64 << 10;

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  CHECK(::curl_easy_setopt(easy, option, value) == CURLE_OK);
}

std::string_view host_of(std::string_view url) {
  const size_t scheme = url.find("://");
  const size_t begin = scheme == url.npos ? 0 : scheme + 3;
  return url.substr(begin, url.find_first_of("/?", begin) - begin);
}

}  // namespace

Transfer::Transfer(std::shared_ptr<Engine> engine, Request request)
    : engine_(std::move(engine)),
      request_(std::move(request)),
      easy_(::curl_easy_init()),
      news_(engine_->executor()),
      heard_(std::chrono::steady_clock::now()) {
  CHECK(easy_ != nullptr);
  prepare();
  engine_->add(easy_);
}

Transfer::~Transfer() {
  engine_->remove(easy_);  // closes the connection unless the answer is complete
  ::curl_easy_cleanup(easy_);
  ::curl_slist_free_all(headers_);
}

void Transfer::prepare() {
  const Settings& settings = engine_->settings();
  set(easy_, CURLOPT_URL, request_.url.c_str());
  set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy_, CURLOPT_PRIVATE, reinterpret_cast<char*>(this));
  set(easy_, CURLOPT_ERRORBUFFER, static_cast<char*>(error_));
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  set(easy_, CURLOPT_QUICK_EXIT, 1L);  // do not wait for a resolver that hangs
  set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy_, CURLOPT_PATH_AS_IS, 1L);
  set(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings.connect_timeout.count()));
  set(easy_, CURLOPT_BUFFERSIZE, 64L << 10);
  set(easy_, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
  if (!settings.ca_file.empty()) set(easy_, CURLOPT_CAINFO, settings.ca_file.c_str());
  // None but the named ones: Debian's libcurl would go on believing those of the system.
  if (!settings.ca_file.empty() || !request_.tls.authorities.empty())
    set(easy_, CURLOPT_CAPATH, static_cast<char*>(nullptr));
  if (!settings.proxies) set(easy_, CURLOPT_PROXY, "");
  prepare_tls();

  if (request_.method == "HEAD") {
    set(easy_, CURLOPT_NOBODY, 1L);
  } else if (request_.streamed.source) {
    set(easy_, CURLOPT_UPLOAD, 1L);
    const auto size = request_.streamed.size;
    set(easy_, CURLOPT_INFILESIZE_LARGE, size ? static_cast<curl_off_t>(*size) : curl_off_t{-1});
    set(easy_, CURLOPT_READFUNCTION, &Transfer::on_read);
    set(easy_, CURLOPT_READDATA, this);
    // Its beginning could not go out again on another connection.
    set(easy_, CURLOPT_FRESH_CONNECT, 1L);
    if (!size) headers_ = ::curl_slist_append(headers_, "Transfer-Encoding: chunked");
  } else if (
      request_.method == "PUT" || request_.method == "POST" || request_.method == "PATCH" || !request_.body.empty()) {
    set(easy_, CURLOPT_UPLOAD, 1L);
    set(easy_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set(easy_, CURLOPT_READFUNCTION, &Transfer::on_read);
    set(easy_, CURLOPT_READDATA, this);
    set(easy_, CURLOPT_SEEKFUNCTION, &Transfer::on_seek);
    set(easy_, CURLOPT_SEEKDATA, this);
  }
  if (request_.method != "HEAD") set(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  set(easy_, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(easy_, CURLOPT_HEADERDATA, this);
  set(easy_, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(easy_, CURLOPT_WRITEDATA, this);

  // Without a value: libcurl's own header is left out. A round trip is not worth being told 100 first.
  for (const char* absent : {"Expect:", "Accept:"}) headers_ = ::curl_slist_append(headers_, absent);
  for (const std::string& header : request_.headers) headers_ = ::curl_slist_append(headers_, header.c_str());
  set(easy_, CURLOPT_HTTPHEADER, headers_);
}

// libcurl keeps connections apart by what is set here.
void Transfer::prepare_tls() {
  const auto set_text = [this](CURLoption option, const std::string& text) {
    if (text.empty()) return;
    curl_blob blob = {const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY};
    set(easy_, option, &blob);
  };
  const Tls& tls = request_.tls;
  set_text(CURLOPT_CAINFO_BLOB, tls.authorities);
  set_text(CURLOPT_SSLCERT_BLOB, tls.certificate);
  set_text(CURLOPT_SSLKEY_BLOB, tls.key);
}

void Transfer::progress() { heard_ = std::chrono::steady_clock::now(); }

void Transfer::take_header(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    head_ = Head();
    const size_t space = line.find(' ');
    if (space != line.npos) head_.status = std::atoi(std::string(line.substr(space + 1, 3)).c_str());
    return;
  }
  if (line.empty()) {
    if (head_.status < 200) return;  // "100 Continue": another head follows
    has_head_ = true;
    news_.cancel();
    return;
  }
  const size_t colon = line.find(':');
  if (colon == line.npos || has_head_) return;  // behind the body: trailers, which nobody needs
  std::string name(line.substr(0, colon));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  head_.headers.emplace_back(std::move(name), value);
}

size_t Transfer::on_header(char* text, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.progress();
  transfer.take_header(std::string_view(text, size * count));
  return size * count;
}

size_t Transfer::on_body(char* bytes, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.waiting_.size() - transfer.taken_ >= high_water) {
    transfer.paused_ = true;
    return CURL_WRITEFUNC_PAUSE;  // it will offer the same bytes again
  }
  transfer.progress();
  transfer.waiting_.append(bytes, size * count);
  transfer.news_.cancel();
  return size * count;
}

size_t Transfer::on_read(char* into, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.progress();
  if (transfer.request_.streamed.source) return transfer.give(into, size * count);
  if (transfer.request_.body.size() < transfer.sent_) return CURL_READFUNC_ABORT;  // the answer came before its end
  const auto body = transfer.request_.body.subspan(transfer.sent_);
  const size_t taken = std::min(body.size(), size * count);
  if (taken > 0) std::memcpy(into, body.data(), taken);
  transfer.sent_ += taken;
  return taken;
}

// What has come of a streamed body. When that is nothing, libcurl pauses until the coroutine has got more.
size_t Transfer::give(char* into, size_t room) {
  const std::uint64_t left = request_.streamed.size.value_or(UINT64_MAX) - sent_;
  const auto count = static_cast<size_t>(std::min<std::uint64_t>({room, piece_end_ - piece_begin_, left}));
  if (count == 0 && !source_ended_ && left > 0) {
    starved_ = true;
    news_.cancel();
    return CURL_READFUNC_PAUSE;
  }
  std::memcpy(into, piece_.data() + piece_begin_, count);
  piece_begin_ += count;
  sent_ += count;
  return count;
}

// A kept connection that the other side has closed meanwhile is noticed after bytes were sent; they go out again.
int Transfer::on_seek(void* self, curl_off_t offset, int origin) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (origin != SEEK_SET || static_cast<size_t>(offset) > transfer.request_.body.size()) return CURL_SEEKFUNC_FAIL;
  transfer.sent_ = static_cast<size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

void Transfer::finished(CURLcode result) {
  done_ = true;
  result_ = result;
  news_.cancel();
}

void Transfer::fail(const std::string& reason) const {
  throw Failure(FailureKind::unavailable, fmt::format("{}: {}", host_of(request_.url), reason));
}

void Transfer::check() const {
  if (!done_ || result_ == CURLE_OK) return;
  fail(error_[0] != '\0' ? static_cast<const char*>(error_) : ::curl_easy_strerror(result_));
}

awaitable<void> Transfer::feed() {
  if (std::chrono::steady_clock::now() >= request_.deadline) fail("no answer in time");
  piece_.resize(streamed_piece);
  news_.expires_at(request_.deadline);
  auto race = asio::experimental::make_parallel_group(
      asio::co_spawn(engine_->executor(), request_.streamed.source->read_some(piece_), asio::deferred),
      news_.async_wait(asio::deferred));
  auto [order, failure, count, woken] =
      co_await race.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  progress();                               // it was not the other side that was silent
  if (failure && order[0] == 1) co_return;  // it was interrupted, since something else has happened
  if (failure) std::rethrow_exception(failure);
  source_ended_ = count == 0;
  if (source_ended_ && request_.streamed.size.value_or(sent_) != sent_)
    fail("what was to be sent is shorter than announced");
  piece_begin_ = 0;
  piece_end_ = count;
  starved_ = false;
  ::curl_easy_pause(easy_, CURLPAUSE_CONT);  // may call on_read at once
}

awaitable<void> Transfer::wait() {
  if (starved_) {
    co_await feed();
    co_return;
  }
  const auto silence = has_head_ ? request_.silence_of_answer.value_or(request_.silence) : request_.silence;
  const Deadline limit = std::min(request_.deadline, heard_ + silence);
  const Deadline now = std::chrono::steady_clock::now();
  if (now >= limit) fail(fmt::format("no {} in time", has_head_ ? "more of the answer" : "answer"));
  news_.expires_at(limit);
  boost::system::error_code woken;
  co_await news_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

awaitable<void> Transfer::wait_for_head() {
  progress();
  while (!has_head_) {
    check();
    if (done_) fail("the answer has no head");
    co_await wait();
  }
}

awaitable<size_t> Transfer::read_some(std::span<std::byte> into) {
  progress();  // silence counts from when somebody listens
  for (;;) {
    if (taken_ < waiting_.size()) break;
    if (paused_) {
      paused_ = false;
      ::curl_easy_pause(easy_, CURLPAUSE_CONT);  // may call on_body at once
      continue;
    }
    check();
    if (done_) co_return 0;
    co_await wait();
  }
  const size_t count = std::min(into.size(), waiting_.size() - taken_);
  std::memcpy(into.data(), waiting_.data() + taken_, count);
  taken_ += count;
  if (taken_ == waiting_.size()) {
    waiting_.clear();
    taken_ = 0;
  }
  co_return count;
}

}  // namespace ci::net::client
