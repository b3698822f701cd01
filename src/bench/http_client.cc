#include "bench/http_client.h"

#include <curl/curl.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/ascii.h"
#include "base/failure.h"

namespace ci::bench {

namespace {

constexpr std::chrono::milliseconds longest_connect{10000}, longest_wait{120000};
constexpr std::size_t largest_answer = 256 << 20;
constexpr std::string_view boundary = "kubecoderun-bench-7d1f0c5e9b";

// libcurl finds out later, and then says no more than that it failed.
void check_readable(const std::string& authorities) {
  if (!authorities.empty() && ::access(authorities.c_str(), R_OK) != 0)
    throw Failure(FailureKind::invalid, "reading certificates " + authorities + ": " + std::strerror(errno));
}

using Clock = std::chrono::steady_clock;
using Easy = std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)>;

void add(Headers& list, const std::string& header) {
  curl_slist* longer = ::curl_slist_append(list.get(), header.c_str());
  CHECK(longer != nullptr);
  static_cast<void>(list.release());
  list.reset(longer);
}

}  // namespace

bool Address::is_local() const {
  if (host == "localhost") return true;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  return !error && address.is_loopback();
}

Address parse_address(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  const bool plain = parsed && parsed->scheme() == "http";
  const bool tls = parsed && parsed->scheme() == "https";
  if ((!plain && !tls) || parsed->host().empty()) {
    throw Failure(FailureKind::invalid, "\"" + url + "\" is not an address like http://127.0.0.1:8000");
  }
  if (parsed->has_userinfo()) throw Failure(FailureKind::invalid, "a key goes with --key and not into the address");
  Address address;
  address.tls = tls;
  address.host = parsed->host_address();
  address.port = parsed->has_port() && !parsed->port().empty() ? std::string(parsed->port()) : (tls ? "443" : "80");
  address.path = std::string(parsed->encoded_path());
  while (address.path.ends_with('/')) address.path.pop_back();
  return address;
}

class HttpClient::Impl {
 public:
  Impl(Address address, const std::string& key, const Trust& trust)
      : address_(std::move(address)), key_header_("x-api-key: " + key) {
    CHECK(easy_ != nullptr);
    check_readable(trust.authorities);
    set(CURLOPT_ERRORBUFFER, static_cast<char*>(error_));
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(longest_connect.count()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(longest_wait.count()));
    set(CURLOPT_BUFFERSIZE, 64L << 10);
    set(CURLOPT_SSL_VERIFYPEER, trust.anybody ? 0L : 1L);
    set(CURLOPT_SSL_VERIFYHOST, trust.anybody ? 0L : 2L);
    if (!trust.authorities.empty()) {
      set(CURLOPT_CAINFO, trust.authorities.c_str());
      set(CURLOPT_CAPATH, static_cast<char*>(nullptr));  // none but these
    }
    set(CURLOPT_PREREQFUNCTION, &Impl::on_ready);
    set(CURLOPT_PREREQDATA, this);
    set(CURLOPT_WRITEFUNCTION, &Impl::on_body);
    set(CURLOPT_HEADERFUNCTION, &Impl::on_header);
  }

  Reply exchange(
      const char* method, const std::string& route, const std::string& body, const std::string& content_type) {
    Reply reply;
    Headers headers{nullptr, ::curl_slist_free_all};
    add(headers, key_header_);
    add(headers, "Expect:");  // left out: a large body does not wait to be asked for
    const std::string url = base() + route;
    set(CURLOPT_URL, url.c_str());
    if (content_type.empty()) {
      set(CURLOPT_HTTPGET, 1L);
    } else {
      set(CURLOPT_POST, 1L);
      set(CURLOPT_POSTFIELDS, body.data());
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
      add(headers, "Content-Type: " + content_type);
    }
    set(CURLOPT_CUSTOMREQUEST, method);
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_WRITEDATA, &reply);
    set(CURLOPT_HEADERDATA, &reply);
    begin_.reset();
    const CURLcode result = ::curl_easy_perform(easy_.get());
    const auto end = Clock::now();
    if (result == CURLE_ABORTED_BY_CALLBACK) throw Failure(FailureKind::unavailable, url + ": the connection was lost");
    if (result != CURLE_OK) {
      const auto kind = result == CURLE_OPERATION_TIMEDOUT ? FailureKind::timeout : FailureKind::unavailable;
      throw Failure(kind, url + ": " + (*error_ != '\0' ? error_ : ::curl_easy_strerror(result)));
    }
    long status = 0;
    ::curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    reply.status = static_cast<int>(status);
    reply.time = end - begin_.value_or(end);
    return reply;
  }

 private:
  template <class Value>
  void set(CURLoption option, Value value) {
    CHECK(::curl_easy_setopt(easy_.get(), option, value) == CURLE_OK);
  }

  // The connection is there, and nothing was sent. libcurl would send once more what a connection was lost with; who measures wants to know.
  static int on_ready(void* self, char*, char*, int, int) {
    auto& begin = static_cast<Impl*>(self)->begin_;
    if (begin) return CURL_PREREQFUNC_ABORT;
    begin = Clock::now();
    return CURL_PREREQFUNC_OK;
  }

  static size_t on_body(const char* bytes, size_t, size_t count, void* into) {
    std::string& body = static_cast<Reply*>(into)->body;
    if (body.size() + count > largest_answer) return 0;
    body.append(bytes, count);
    return count;
  }

  static size_t on_header(const char* bytes, size_t, size_t count, void* into) {
    const std::string_view line(bytes, count), name = "server-timing:";
    if (line.size() > name.size() && same_word(line.substr(0, name.size()), name))
      static_cast<Reply*>(into)->server_timing = trimmed(line.substr(name.size()), " \t\r\n");
    return count;
  }

  std::string base() const {
    const bool v6 = address_.host.contains(':');
    return (address_.tls ? "https://" : "http://") + (v6 ? "[" + address_.host + "]" : address_.host) + ":" +
           address_.port + address_.path;
  }

  const Address address_;
  const std::string key_header_;
  Easy easy_{::curl_easy_init(), ::curl_easy_cleanup};
  char error_[CURL_ERROR_SIZE] = {};
  std::optional<Clock::time_point> begin_;  // of the exchange
};

HttpClient::HttpClient(Address address, const std::string& key, const Trust& trust)
    : impl_(std::make_unique<Impl>(std::move(address), key, trust)) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

Reply HttpClient::post(const std::string& route, const std::string& json) {
  return impl_->exchange("POST", route, json, "application/json");
}

Reply HttpClient::get(const std::string& route) { return impl_->exchange("GET", route, "", ""); }

Reply HttpClient::remove(const std::string& route) { return impl_->exchange("DELETE", route, "", ""); }

Reply HttpClient::upload(const std::string& route, std::string_view file_name, std::string_view bytes) {
  std::string body = "--" + std::string(boundary) + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" +
                     std::string(file_name) + "\"\r\nContent-Type: application/octet-stream\r\n\r\n";
  body += bytes;
  body += "\r\n--" + std::string(boundary) + "--\r\n";
  return impl_->exchange("POST", route, body, "multipart/form-data; boundary=" + std::string(boundary));
}

}  // namespace ci::bench
