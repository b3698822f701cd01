// Against a server that asks clients who they are, as the API of a cluster does.

#include <gmock/gmock.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <thread>
#include <vector>

#include "net/client/testing/certificates.h"
#include "net/client/testing/client_test.h"

namespace ci::net::client {
namespace {

using ::testing::HasSubstr;
using HttpClient = testing::ClientTest;
using asio::ip::tcp;
using testing::Certificate;

// Answers with the name in the client's certificate.
class MutualServer {
 public:
  MutualServer(const Certificate& own, const Certificate& authority_of_clients)
      : context_(asio::ssl::context::tls_server), acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    context_.use_certificate_chain(asio::buffer(own.certificate()));
    context_.use_private_key(asio::buffer(own.key()), asio::ssl::context::pem);
    context_.add_certificate_authority(asio::buffer(authority_of_clients.certificate()));
    context_.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    thread_ = std::thread([this] { serve(); });
  }
  ~MutualServer() {
    stopping_ = true;
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    thread_.join();
    for (std::thread& each : connected_) each.join();  // when their clients have closed
  }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }
  int connections() const { return connections_; }

 private:
  void serve() {
    while (!stopping_) {
      boost::system::error_code error;
      tcp::socket socket(io_);
      acceptor_.accept(socket, error);
      if (error) return;
      ++connections_;
      connected_.emplace_back([this, socket = std::move(socket)]() mutable { answer(std::move(socket)); });
    }
  }

  void answer(tcp::socket socket) {
    boost::system::error_code error;
    asio::ssl::stream<tcp::socket> stream(std::move(socket), context_);
    stream.handshake(asio::ssl::stream_base::server, error);
    if (error) return;
    const std::unique_ptr<X509, decltype(&::X509_free)> peer(
        ::SSL_get1_peer_certificate(stream.native_handle()), ::X509_free);
    char name[100] = {};
    ::X509_NAME_get_text_by_NID(::X509_get_subject_name(peer.get()), NID_commonName, name, sizeof name);
    std::string text;
    const std::string body = name;
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    while (asio::read_until(stream, asio::dynamic_buffer(text), "\r\n\r\n", error) > 0) {
      text.clear();
      asio::write(stream, asio::buffer(answer), error);
    }
  }

  asio::io_context io_;
  asio::ssl::context context_;
  tcp::acceptor acceptor_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
  std::vector<std::thread> connected_;
};

class MutualTls : public HttpClient {
 protected:
  ~MutualTls() override { client_.reset(); }  // which closes what it kept

  Request request(const Certificate* who, const Certificate* believed) {
    Request made("GET", server_.url() + "/");
    if (believed != nullptr) made.tls.authorities = believed->certificate();
    if (who != nullptr) {
      made.tls.certificate = who->certificate();
      made.tls.key = who->key();
    }
    return made;
  }

  const Certificate authority_{"authority of servers"}, other_{"somebody else"},
      authority_of_clients_{"authority of clients"};
  const Certificate server_certificate_{"server", &authority_, "IP:127.0.0.1"};
  const Certificate ann_{"ann", &authority_of_clients_}, bob_{"bob", &authority_of_clients_}, eve_{"eve", &other_};
  MutualServer server_{server_certificate_, authority_of_clients_};
};

TEST_F(MutualTls, SaysWhoWeAre) {
  EXPECT_EQ(run(client_->send(request(&ann_, &authority_))).body, "ann");
  EXPECT_EQ(run(client_->send(request(&bob_, &authority_))).body, "bob");
}

// Connections are kept, but not for somebody else.
TEST_F(MutualTls, NobodyGetsTheConnectionOfAnother) {
  EXPECT_EQ(run(client_->send(request(&ann_, &authority_))).body, "ann");
  EXPECT_EQ(run(client_->send(request(&ann_, &authority_))).body, "ann");
  EXPECT_EQ(server_.connections(), 1);
  EXPECT_EQ(run(client_->send(request(&bob_, &authority_))).body, "bob");
  EXPECT_EQ(server_.connections(), 2);
}

TEST_F(MutualTls, BelievesTheAuthoritiesOfTheCallAlone) {
  EXPECT_THAT(failure_of(request(&ann_, nullptr)), HasSubstr("certificate"));
  EXPECT_THAT(failure_of(request(&ann_, &other_)), HasSubstr("certificate"));
  EXPECT_EQ(run(client_->send(request(&ann_, &authority_))).body, "ann");
}

TEST_F(MutualTls, IsRefusedWithoutACertificateOrWithAnothers) {
  EXPECT_THAT(failure_of(request(nullptr, &authority_)), HasSubstr("127.0.0.1"));
  EXPECT_THAT(failure_of(request(&eve_, &authority_)), HasSubstr("127.0.0.1"));
}

TEST_F(MutualTls, ABrokenKeyIsSaid) {
  Request broken = request(&ann_, &authority_);
  broken.tls.key = "no key";
  EXPECT_THAT(failure_of(std::move(broken)), HasSubstr("127.0.0.1"));
}

}  // namespace
}  // namespace ci::net::client
