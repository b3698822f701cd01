#include "net/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <list>

#include "base/failure.h"
#include "base/log.h"
#include "base/sys.h"
#include "net/connection.h"
#include "net/tls.h"

namespace ci::net {

using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds pause_after_error{100};

std::string endpoint_text(const std::string& host, std::uint16_t port) {
  const bool colons = host.find(':') != std::string::npos;
  return (colons ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

// "Address already in use" in the middle of our sentence.
std::string lower_case_start(std::string text) {
  if (!text.empty()) text.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(text.front())));
  return text;
}

[[noreturn]] void fail_to_listen(const ServerSettings& settings, const std::string& reason) {
  throw Failure(
      FailureKind::unavailable,
      "cannot listen on " + endpoint_text(settings.host, settings.port) + ": " + lower_case_start(reason));
}

tcp::endpoint resolve(const asio::any_io_executor& executor, const ServerSettings& settings) {
  std::string host = settings.host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (!error) return {address, settings.port};
  tcp::resolver resolver(executor);
  const auto found = resolver.resolve(host, std::to_string(settings.port), tcp::resolver::passive, error);
  if (error) fail_to_listen(settings, error.message());
  return found.begin()->endpoint();
}

// A server that was killed a moment ago may still have the address while the kernel takes it down.
bool bind_soon(int fd, const tcp::endpoint& endpoint) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  for (;;) {
    if (::bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0) return true;
    if (errno != EADDRINUSE || std::chrono::steady_clock::now() >= give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

// Made by hand and not by Asio, whose sockets children would inherit.
UniqueFd open_listener(const tcp::endpoint& endpoint, const ServerSettings& settings) {
  const int family = endpoint.protocol().family();
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  const int on = 1;
  const int off = 0;
  const auto set = [&](int level, int option, const int& value) {
    return ::setsockopt(fd.get(), level, option, &value, sizeof value) == 0;
  };
  // Accepted sockets inherit TCP_NODELAY. "::" takes IPv4 clients too, whatever the system's default.
  const bool ready = fd && set(SOL_SOCKET, SO_REUSEADDR, on) && set(IPPROTO_TCP, TCP_NODELAY, on) &&
                     (family != AF_INET6 || set(IPPROTO_IPV6, IPV6_V6ONLY, off)) &&
                     bind_soon(fd.get(), endpoint) && ::listen(fd.get(), SOMAXCONN) == 0;
  if (!ready) fail_to_listen(settings, std::strerror(errno));
  return fd;
}

asio::ip::address plain_address(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return address;
}

}  // namespace

class Server::Impl {
 public:
  Impl(asio::any_io_executor executor, const ServerSettings& settings, Handler handler)
      : executor_(std::move(executor)),
        settings_(settings),
        handler_(std::move(handler)),
        listener_(executor_),
        changed_(executor_),
        ticker_(executor_) {
    if (settings_.tls) tls_.emplace(open_tls_context(settings_));
    const tcp::endpoint endpoint = resolve(executor_, settings_);
    UniqueFd fd = open_listener(endpoint, settings_);
    listener_.assign(endpoint.protocol(), fd.get());
    (void)fd.release();
    port_ = listener_.local_endpoint().port();
    // Four looks within the shortest time-out are precise enough; more than one per second would be waste.
    const auto shortest = std::min({settings_.header_timeout, settings_.idle_timeout, settings_.body_timeout});
    tick_ = std::clamp<std::chrono::milliseconds>(shortest / 4, std::chrono::milliseconds(50), std::chrono::seconds(1));
  }

  std::uint16_t port() const { return port_; }

  awaitable<void> run() {
    running_ = true;
    try {
      co_await accept_all();
    } catch (const boost::system::system_error&) {
      if (!stopping_) {
        running_ = false;
        throw;  // cancelled by our caller
      }
    }
    running_ = false;
    changed_.cancel();
  }

  awaitable<void> stop(Deadline deadline) {
    stopping_ = true;
    error_code ignored;
    listener_.close(ignored);
    changed_.cancel();
    for (const auto& connection : copy_of_connections()) connection->drain();
    while (busy() && std::chrono::steady_clock::now() < deadline) co_await change(deadline);
    for (const auto& connection : copy_of_connections()) connection->abort();
    while (busy()) co_await change(Deadline::max());
    ticker_.cancel();  // its handler must not outlive us
  }

 private:
  enum class Accepted { one, none, failed };

  bool busy() const { return running_ || !connections_.empty(); }

  // To walk over while connections end and leave the list.
  std::vector<std::shared_ptr<Connection>> copy_of_connections() const {
    return {connections_.begin(), connections_.end()};
  }

  awaitable<void> accept_all() {
    while (!stopping_) {
      if (connections_.size() >= settings_.max_connections) {
        co_await change(Deadline::max());
        continue;
      }
      const Accepted accepted = accept_one();
      if (accepted == Accepted::none) co_await listener_.async_wait(tcp::acceptor::wait_read, asio::use_awaitable);
      if (accepted == Accepted::failed) co_await change(after(pause_after_error));
    }
  }

  // Waits for any connection to end or the accept loop to stop, or the deadline.
  awaitable<void> change(Deadline deadline) {
    // Waiters share the timer: whoever comes second wakes the first, which looks again. Both loop.
    changed_.expires_at(deadline);
    error_code ignored;
    co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }

  Accepted accept_one() {
    sockaddr_storage storage;
    socklen_t size = sizeof storage;
    UniqueFd fd(::accept4(
        listener_.native_handle(), reinterpret_cast<sockaddr*>(&storage), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      // A connection that broke before we took it is not a failure of ours.
      if (errno == EINTR || errno == ECONNABORTED) return Accepted::one;
      if (errno == EAGAIN) return Accepted::none;
      log_error("accepting a connection failed", {{"reason", std::strerror(errno)}});
      return Accepted::failed;
    }
    tcp::endpoint peer;
    std::memcpy(peer.data(), &storage, std::min<std::size_t>(size, peer.capacity()));
    tcp::socket socket(executor_);
    error_code error;
    socket.assign(peer.protocol(), fd.get(), error);
    if (error) {
      log_error("accepting a connection failed", {{"reason", error.message()}});
      return Accepted::failed;
    }
    (void)fd.release();
    serve(std::move(socket), plain_address(peer.address()));
    return Accepted::one;
  }

  void serve(tcp::socket socket, const asio::ip::address& peer) {
    auto transport = tls_ ? open_tls_transport(std::move(socket), *tls_) : open_tcp_transport(std::move(socket));
    auto connection =
        std::make_shared<Connection>(executor_, settings_, handler_, date_, std::move(transport), peer);
    if (!ticking_) tick();
    const auto place = connections_.insert(connections_.end(), connection);
    asio::co_spawn(
        executor_, connection->run(),
        asio::bind_cancellation_slot(connection->cancel_slot(), [this, place](std::exception_ptr failure) {
          connections_.erase(place);
          changed_.cancel();
          if (failure) log_error("connection ended with an exception");
        }));
  }

  // Runs as long as there are connections.
  void tick() {
    ticking_ = true;
    ticker_.expires_after(tick_);
    ticker_.async_wait([this](error_code error) {
      if (error) return;
      if (connections_.empty()) {
        ticking_ = false;
        return;
      }
      const auto now = std::chrono::steady_clock::now();
      for (const auto& connection : connections_) connection->check_deadline(now);
      tick();
    });
  }

  asio::any_io_executor executor_;
  ServerSettings settings_;
  Handler handler_;
  std::optional<asio::ssl::context> tls_;
  tcp::acceptor listener_;
  std::uint16_t port_ = 0;
  DateText date_;
  std::list<std::shared_ptr<Connection>> connections_;
  asio::steady_timer changed_;
  asio::steady_timer ticker_;
  std::chrono::milliseconds tick_{1000};
  bool running_ = false;
  bool stopping_ = false;
  bool ticking_ = false;
};

Server::Server(asio::any_io_executor executor, const ServerSettings& settings, Handler handler)
    : impl_(std::make_unique<Impl>(std::move(executor), settings, std::move(handler))) {}
Server::~Server() = default;

std::uint16_t Server::port() const { return impl_->port(); }
awaitable<void> Server::run() { return impl_->run(); }
awaitable<void> Server::stop(Deadline deadline) { return impl_->stop(deadline); }

}  // namespace ci::net
