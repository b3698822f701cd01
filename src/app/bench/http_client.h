#pragma once
// One connection to a server, kept open between requests, as a client program has it. Blocking; one thread each.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace ci::bench {

struct Address {
  std::string host;
  std::string port;
  std::string path;  // in front of every route; no '/' at its end
};

// "http://127.0.0.1:8000/v1". Anything but http:// fails as `invalid`.
Address parse_address(const std::string& url);

struct Reply {
  int status = 0;
  std::string body;
  std::string server_timing;
  std::chrono::duration<double, std::milli> time{};  // from the first byte sent to the last byte read
};

class HttpClient {
 public:
  HttpClient(Address address, std::string key);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;

  // Connects when there is no connection. Fails as `unavailable` or `timeout`; the next call connects again.
  Reply post(const std::string& route, const std::string& json);
  Reply get(const std::string& route);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ci::bench
