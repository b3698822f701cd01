#pragma once
// libcurl on Asio: one multi handle whose sockets and timer are watched by the I/O thread. Private to net/client.

#include <curl/curl.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <map>

#include "net/client/http_client.h"

namespace ci::net::client {

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  Engine(asio::any_io_executor executor, Settings settings);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const asio::any_io_executor& executor() const { return executor_; }
  const Settings& settings() const { return settings_; }

  void add(CURL* easy);
  void remove(CURL* easy);

 private:
  // A socket of libcurl's. It closes them itself: ours is only the watching.
  struct Watch {
    explicit Watch(const asio::any_io_executor& executor, curl_socket_t socket) : descriptor(executor, socket) {}
    asio::posix::stream_descriptor descriptor;
    int wanted = 0;  // CURL_POLL_IN, _OUT
    bool reading = false, writing = false;
    bool gone = false;
  };

  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void*);
  static int on_timer(CURLM*, long milliseconds, void* self);
  void watch(curl_socket_t socket, int what);
  void arm(curl_socket_t socket, const std::shared_ptr<Watch>& watch);
  void wait(curl_socket_t socket, const std::shared_ptr<Watch>& watch, bool to_write);
  void act(curl_socket_t socket, int events);

  asio::any_io_executor executor_;
  Settings settings_;
  CURLM* multi_;
  asio::steady_timer timer_;
  std::map<curl_socket_t, std::shared_ptr<Watch>> watches_;
};

// One exchange. libcurl calls in while the engine acts; the coroutine that waits is woken through a timer, so never
// inside a call of libcurl's, which may not be entered twice.
class Transfer {
 public:
  Transfer(std::shared_ptr<Engine> engine, Request request);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  awaitable<void> wait_for_head();
  awaitable<size_t> read_some(std::span<std::byte> into);
  const Head& head() const { return head_; }
  // The head is there: the caller's body may go, and there is no hurry any more.
  void release_request() {
    request_.body = {};
    request_.deadline = Deadline::max();
  }

  void finished(CURLcode result);  // from the engine

 private:
  static size_t on_header(char* text, size_t size, size_t count, void* self);
  static size_t on_body(char* bytes, size_t size, size_t count, void* self);
  static size_t on_read(char* into, size_t size, size_t count, void* self);
  static int on_seek(void* self, curl_off_t offset, int origin);
  void prepare();
  void prepare_tls();
  size_t give(char* into, size_t room);
  void take_header(std::string_view line);
  void progress();
  // Until something happens; fails when the deadline or the longest silence has passed.
  awaitable<void> wait();
  // The same, while more of the streamed body comes.
  awaitable<void> feed();
  [[noreturn]] void fail(const std::string& reason) const;
  void check() const;  // fails when the transfer did

  std::shared_ptr<Engine> engine_;
  Request request_;
  CURL* easy_;
  curl_slist* headers_ = nullptr;
  char error_[CURL_ERROR_SIZE] = {};
  asio::steady_timer news_;
  Deadline heard_;  // when the last byte went or came
  size_t sent_ = 0;
  std::vector<std::byte> piece_;  // of the streamed body
  size_t piece_begin_ = 0, piece_end_ = 0;
  bool starved_ = false;  // libcurl waits for more of it
  bool source_ended_ = false;
  Head head_;
  bool has_head_ = false, done_ = false, paused_ = false;
  CURLcode result_ = CURLE_OK;
  std::string waiting_;  // body that came and was not read
  size_t taken_ = 0;     // of it
};

}  // namespace ci::net::client
