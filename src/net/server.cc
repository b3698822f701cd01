#include "net/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <map>
#include <thread>

#include "base/changes.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/sys.h"
#include "net/admission.h"
#include "net/body_budget.h"
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
                     (family != AF_INET6 || set(IPPROTO_IPV6, IPV6_V6ONLY, off)) && bind_soon(fd.get(), endpoint) &&
                     ::listen(fd.get(), SOMAXCONN) == 0;
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
        limits_{settings_.max_connections, settings_.max_connections_per_address, settings_.reserved_connections},
        budget_(settings_.body_memory),
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
    const auto shortest = std::min(
        {settings_.header_timeout, settings_.idle_timeout, settings_.body_timeout, settings_.body_head_start,
         settings_.reserved_timeout});
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
    changed_.announce();
  }

  awaitable<void> stop(Deadline deadline) {
    stopping_ = true;
    error_code ignored;
    listener_.close(ignored);
    changed_.announce();
    for (const auto& connection : copy_of_connections()) connection->drain();
    while (busy() && std::chrono::steady_clock::now() < deadline) co_await changed_.wait(deadline);
    for (const auto& connection : copy_of_connections()) connection->abort();
    while (busy()) co_await changed_.wait(Deadline::max());
    ticker_.cancel();  // its handler must not outlive us
  }

 private:
  enum class Accepted { one, none, failed };
  using Sources = std::map<std::string, std::size_t>;  // how many connections come from each
  struct Place {
    std::shared_ptr<Connection> connection;  // also held by whoever reads from it
    Sources::iterator source;
  };

  bool busy() const { return running_ || !connections_.empty(); }

  // To walk over while connections end and leave the list.
  std::vector<std::shared_ptr<Connection>> copy_of_connections() const {
    std::vector<std::shared_ptr<Connection>> copy;
    for (const Place& place : connections_) copy.push_back(place.connection);
    return copy;
  }

  awaitable<void> accept_all() {
    while (!stopping_) {
      const Accepted accepted = accept_one();
      if (accepted == Accepted::none) co_await listener_.async_wait(tcp::acceptor::wait_read, asio::use_awaitable);
      if (accepted == Accepted::failed) co_await changed_.wait(after(pause_after_error));
    }
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
    const asio::ip::address address = plain_address(peer.address());
    const bool reserved = make_room(address);
    serve(std::move(socket), address, reserved);
    return Accepted::one;
  }

  // Ends a connection for the sake of a new one, if that must be. Whether the new one gets a reserved place only.
  bool make_room(const asio::ip::address& peer) {
    const std::string source = source_of(peer);
    const bool is_proxy = settings_.is_proxy && settings_.is_proxy(peer);
    const auto known = sources_.find(source);
    const std::size_t of_it = known == sources_.end() ? 0 : known->second;
    // Nearly always: without a look at all of them.
    if (connections_.size() < limits_.all && (is_proxy || of_it < limits_.per_source)) return false;
    std::vector<Occupant> occupants;
    std::vector<Connection*> those;
    const auto now = std::chrono::steady_clock::now();
    occupants.reserve(connections_.size());
    those.reserve(connections_.size());
    for (const Place& place : connections_) {
      if (place.connection->aborted()) continue;  // it has given up its place
      Occupant one;
      one.same_source = place.source == known;
      one.of_source = place.source->second;
      one.standing = place.connection->standing(now);
      one.reserved = place.connection->reserved();
      occupants.push_back(one);
      those.push_back(place.connection.get());
    }
    const Admission admission = admit(occupants, is_proxy, limits_);
    if (admission.evicted) those[*admission.evicted]->abort();
    if (admission.evicted || admission.reserved) note_crowd();
    return admission.reserved;
  }

  // Once a minute: an operator may have to do something, but not to read a line for each of them.
  void note_crowd() {
    ++crowded_;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_note_) return;
    next_note_ = now + std::chrono::minutes(1);
    log_warning(
        "too many connections: those that make us wait are closed for new ones",
        {{"connections", connections_.size()}, {"so_far", crowded_}});
  }

  void serve(tcp::socket socket, const asio::ip::address& peer, bool reserved) {
    auto transport = tls_ ? open_tls_transport(std::move(socket), *tls_) : open_tcp_transport(std::move(socket));
    auto connection = std::make_shared<Connection>(
        executor_, settings_, handler_, date_, budget_, std::move(transport), peer, reserved);
    if (!ticking_) tick();
    const auto source = sources_.try_emplace(source_of(peer), 0).first;
    ++source->second;
    const auto place = connections_.insert(connections_.end(), Place{connection, source});
    asio::co_spawn(
        executor_, connection->run(),
        asio::bind_cancellation_slot(connection->cancel_slot(), [this, place](std::exception_ptr failure) {
          if (--place->source->second == 0) sources_.erase(place->source);
          connections_.erase(place);
          changed_.announce();
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
      for (const Place& place : connections_) place.connection->check_deadline(now);
      tick();
    });
  }

  asio::any_io_executor executor_;
  ServerSettings settings_;
  Handler handler_;
  AdmissionLimits limits_;
  BodyBudget budget_;
  std::optional<asio::ssl::context> tls_;
  tcp::acceptor listener_;
  std::uint16_t port_ = 0;
  DateText date_;
  Sources sources_;
  std::list<Place> connections_;
  std::uint64_t crowded_ = 0;  // connections that came when there were too many
  Deadline next_note_;
  Changes changed_;  // a connection has ended, or the accept loop
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
