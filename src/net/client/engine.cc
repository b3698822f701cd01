#include "net/client/engine.h"

#include "base/failure.h"
#include "base/log.h"

namespace ci::net::client {

Engine::Engine(asio::any_io_executor executor, Settings settings)
    : executor_(std::move(executor)), settings_(std::move(settings)), timer_(executor_) {
  static const CURLcode initialised = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(initialised == CURLE_OK);
  multi_ = ::curl_multi_init();
  CHECK(multi_ != nullptr);
  ::curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Engine::on_socket);
  ::curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  ::curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Engine::on_timer);
  ::curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  ::curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(settings_.connections));
  ::curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(settings_.connections));
}

Engine::~Engine() {
  ::curl_multi_cleanup(multi_);  // closes the idle connections, so on_socket is called once more for each
  for (auto& [socket, watch] : watches_) {
    watch->gone = true;
    watch->descriptor.release();
  }
}

void Engine::add(CURL* easy) { CHECK(::curl_multi_add_handle(multi_, easy) == CURLM_OK); }

void Engine::remove(CURL* easy) { ::curl_multi_remove_handle(multi_, easy); }

int Engine::on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
  static_cast<Engine*>(self)->watch(socket, what);
  return 0;
}

// Also zero milliseconds go over the timer: acting from inside a call of libcurl's is not allowed.
int Engine::on_timer(CURLM*, long milliseconds, void* self) {
  auto& engine = *static_cast<Engine*>(self);
  engine.timer_.cancel();
  if (milliseconds < 0) return 0;
  engine.timer_.expires_after(std::chrono::milliseconds(milliseconds));
  engine.timer_.async_wait([weak = engine.weak_from_this()](const boost::system::error_code& error) {
    if (error) return;
    if (const auto alive = weak.lock()) alive->act(CURL_SOCKET_TIMEOUT, 0);
  });
  return 0;
}

void Engine::watch(curl_socket_t socket, int what) {
  auto found = watches_.find(socket);
  if (what == CURL_POLL_REMOVE) {
    if (found == watches_.end()) return;
    found->second->gone = true;
    found->second->descriptor.release();  // cancels the waits; the socket stays open
    watches_.erase(found);
    return;
  }
  if (found == watches_.end()) found = watches_.emplace(socket, std::make_shared<Watch>(executor_, socket)).first;
  found->second->wanted = what;
  arm(socket, found->second);
}

void Engine::arm(curl_socket_t socket, const std::shared_ptr<Watch>& watch) {
  if (watch->gone) return;
  if ((watch->wanted & CURL_POLL_IN) != 0 && !watch->reading) wait(socket, watch, false);
  if ((watch->wanted & CURL_POLL_OUT) != 0 && !watch->writing) wait(socket, watch, true);
}

void Engine::wait(curl_socket_t socket, const std::shared_ptr<Watch>& watch, bool to_write) {
  bool& waiting = to_write ? watch->writing : watch->reading;
  waiting = true;
  const auto direction =
      to_write ? asio::posix::stream_descriptor::wait_write : asio::posix::stream_descriptor::wait_read;
  watch->descriptor.async_wait(
      direction, [weak = weak_from_this(), socket, watch, to_write](const boost::system::error_code& error) {
        (to_write ? watch->writing : watch->reading) = false;
        const auto alive = weak.lock();
        if (!alive || watch->gone || error == asio::error::operation_aborted) return;
        // What was wanted may have changed while this was on its way.
        const int wanted = watch->wanted & (to_write ? CURL_POLL_OUT : CURL_POLL_IN);
        if (error) {
          alive->act(socket, CURL_CSELECT_ERR);
        } else if (wanted != 0) {
          alive->act(socket, to_write ? CURL_CSELECT_OUT : CURL_CSELECT_IN);
        }
        if (!error) alive->arm(socket, watch);
      });
}

void Engine::act(curl_socket_t socket, int events) {
  int running = 0;
  const CURLMcode code = ::curl_multi_socket_action(multi_, socket, events, &running);
  if (code != CURLM_OK) log_error("http client failed", {{"reason", ::curl_multi_strerror(code)}});
  int left = 0;
  while (const CURLMsg* message = ::curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    char* transfer = nullptr;
    ::curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    reinterpret_cast<Transfer*>(transfer)->finished(message->data.result);
  }
}

}  // namespace ci::net::client
