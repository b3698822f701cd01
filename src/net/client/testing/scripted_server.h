#pragma once
// A small HTTP server on loopback that answers what a test says, one connection after the other, on a thread of its own.
// For services that cannot be had for a test, and for misbehaviour that real servers do not show on demand.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/failure.h"
#include "base/unique_fd.h"

namespace ci::net::client::testing {

struct Heard {
  std::string method, target, head, body;
  bool has(const std::string& line) const { return head.contains("\r\n" + line + "\r\n"); }
};

class ScriptedServer {
 public:
  // Returns the bytes to answer with; the connection is closed after them. Called on the server's thread.
  using Script = std::function<std::string(const Heard&)>;

  explicit ScriptedServer(Script script) : ScriptedServer() { start(std::move(script)); }

  // Answers nobody until it is started.
  ScriptedServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    CHECK(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
    CHECK(::listen(listener_.get(), 256) == 0);
    CHECK(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port_ = ntohs(address.sin_port);
  }
  void start(Script script) {
    script_ = std::move(script);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() {
    stopping_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
  }

  std::function<void()> before_body;  // called when the head is there, before more is read

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url() const { return "http://" + address(); }
  std::vector<Heard> heard() const {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

  size_t bytes_sent() const { return sent_; }  // taken by the kernel, not by the other side

  static std::string answer(const std::string& status, const std::string& body, const std::string& headers = "") {
    return "HTTP/1.1 " + status + "\r\nConnection: close\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

 private:
  void serve() {
    while (!stopping_) {
      const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!peer) return;
      const Heard request = read(peer.get());
      if (request.method.empty()) continue;
      {
        const std::lock_guard lock(mutex_);
        heard_.push_back(request);
      }
      const std::string text = script_(request);
      for (size_t sent = 0; sent < text.size();) {
        const ssize_t count = ::send(peer.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) break;
        sent += static_cast<size_t>(count);
        sent_ += static_cast<size_t>(count);
      }
    }
  }

  // The data of chunks; nothing while their end is not there.
  static std::optional<std::string> unchunked(std::string_view text) {
    std::string data;
    for (;;) {
      const size_t line = text.find("\r\n");
      if (line == text.npos) return std::nullopt;
      const size_t size = std::stoul(std::string(text.substr(0, line)), nullptr, 16);
      if (text.size() < line + 2 + size + 2) return std::nullopt;
      if (size == 0) return data;
      data += text.substr(line + 2, size);
      text.remove_prefix(line + 2 + size + 2);
    }
  }

  Heard read(int peer) const {
    std::string text;
    size_t end = std::string::npos, length = 0;
    bool chunked = false;
    std::optional<std::string> chunks;
    char piece[65536];
    while (end == std::string::npos || (chunked ? !chunks : text.size() < end + 4 + length)) {
      const ssize_t count = ::recv(peer, piece, sizeof piece, 0);
      if (count <= 0) return {};
      text.append(piece, static_cast<size_t>(count));
      if (chunked) chunks = unchunked(std::string_view(text).substr(end + 4));
      if (end != std::string::npos) continue;
      end = text.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      if (before_body) before_body();
      chunked = text.find("Transfer-Encoding: chunked") < end;
      if (chunked) chunks = unchunked(std::string_view(text).substr(end + 4));
      const size_t header = text.find("Content-Length: ");
      if (end != std::string::npos && header < end) length = std::stoul(text.substr(header + 16));
    }
    Heard request;
    request.head = text.substr(0, end + 2);
    request.body = chunked ? *chunks : text.substr(end + 4, length);
    const size_t space = text.find(' ');
    request.method = text.substr(0, space);
    request.target = text.substr(space + 1, text.find(' ', space + 1) - space - 1);
    return request;
  }

  Script script_;
  UniqueFd listener_;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<size_t> sent_ = 0;
  mutable std::mutex mutex_;
  std::vector<Heard> heard_;
  std::thread thread_;
};

}  // namespace ci::net::client::testing
