#include "net/testing/server_fixture.h"

namespace ci::net {
namespace {

class TlsServerTest : public ServerTest {
 protected:
  TlsServerTest() {
    char pattern[] = "/tmp/net_test.XXXXXX";
    directory_ = ::mkdtemp(pattern);
    settings_.tls = true;
    settings_.certificate_file = directory_ / "certificate.pem";
    settings_.key_file = directory_ / "key.pem";
    make_certificate(settings_.certificate_file, settings_.key_file);
  }
  ~TlsServerTest() override {
    stop(5s);
    std::filesystem::remove_all(directory_);
  }

  static void make_certificate(const std::string& certificate_file, const std::string& key_file) {
    EVP_PKEY* key = ::EVP_EC_gen("P-256");
    X509* certificate = ::X509_new();
    ::X509_set_version(certificate, X509_VERSION_3);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate), 1);
    ::X509_gmtime_adj(::X509_getm_notBefore(certificate), 0);
    ::X509_gmtime_adj(::X509_getm_notAfter(certificate), 3600);
    ::X509_set_pubkey(certificate, key);
    const auto* name = reinterpret_cast<const unsigned char*>("localhost");
    ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(certificate), "CN", MBSTRING_ASC, name, -1, -1, 0);
    ::X509_set_issuer_name(certificate, ::X509_get_subject_name(certificate));
    ::X509_sign(certificate, key, ::EVP_sha256());
    std::FILE* file = std::fopen(certificate_file.c_str(), "w");
    ::PEM_write_X509(file, certificate);
    std::fclose(file);
    file = std::fopen(key_file.c_str(), "w");
    ::PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    ::X509_free(certificate);
    ::EVP_PKEY_free(key);
  }

  std::filesystem::path directory_;
};

class TlsClient {
 public:
  explicit TlsClient(std::uint16_t port, asio::ssl::context::method method = asio::ssl::context::tls_client)
      : tls_(method), client_(port), stream_(client_.socket(), tls_) {}

  boost::system::error_code handshake() {
    boost::system::error_code error;
    stream_.handshake(asio::ssl::stream_base::client, error);
    return error;
  }
  std::string exchange(std::string_view request, std::string_view end) {
    asio::write(stream_, asio::buffer(request));
    std::string text;
    boost::system::error_code error;
    while (!error && !text.ends_with(end)) {
      char buffer[16384];
      text.append(buffer, stream_.read_some(asio::buffer(buffer), error));
    }
    return text;
  }
  asio::ssl::context& context() { return tls_; }
  asio::ssl::stream<tcp::socket&>& stream() { return stream_; }

 private:
  asio::ssl::context tls_;
  Client client_;
  asio::ssl::stream<tcp::socket&> stream_;
};

TEST_F(TlsServerTest, ServesOverTls) {
  start();
  TlsClient client(server_->port());
  const unsigned char offered[] = "\x02h2\x08http/1.1";
  ::SSL_set_alpn_protos(client.stream().native_handle(), offered, sizeof offered - 1);
  ASSERT_FALSE(client.handshake());
  const unsigned char* chosen = nullptr;
  unsigned int chosen_size = 0;
  ::SSL_get0_alpn_selected(client.stream().native_handle(), &chosen, &chosen_size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), chosen_size), "http/1.1");
  EXPECT_THAT(client.exchange("GET /a" + host + "X-Request-ID: id\r\n\r\n", "id"), EndsWith("GET /a id"));
  const std::string body(300 << 10, 'x');
  const std::string echoed = client.exchange(
      "POST /echo" + host + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body + "GET /b" + host +
          "X-Request-ID: end\r\n\r\n",
      "GET /b end");
  EXPECT_THAT(echoed, HasSubstr("\r\n\r\n" + body + "HTTP/1.1 200"));
  EXPECT_THAT(
      client.exchange("GET /stream" + host + "Connection: close\r\n\r\n", "nothing"), EndsWith("two\r\n0\r\n\r\n"));
}

TEST_F(TlsServerTest, SaysGoodbye) {
  start();
  TlsClient client(server_->port());
  ASSERT_FALSE(client.handshake());
  client.exchange("GET /a" + host + "Connection: close\r\n\r\n", "nothing");
  EXPECT_NE(::SSL_get_shutdown(client.stream().native_handle()) & SSL_RECEIVED_SHUTDOWN, 0);
}

TEST_F(TlsServerTest, CancelsTheHandlerWhenTheClientLeaves) {
  start();
  {
    TlsClient client(server_->port());
    ASSERT_FALSE(client.handshake());
    asio::write(client.stream(), asio::buffer("GET /wait" + host + "\r\n"));
    ASSERT_TRUE(happens(seen_.started));
  }
  EXPECT_TRUE(happens(seen_.cancelled));
}

TEST_F(TlsServerTest, RefusesOldVersionsAndPlainText) {
  start();
  TlsClient old(server_->port());
  ::SSL_set_security_level(old.stream().native_handle(), 0);
  ::SSL_set_min_proto_version(old.stream().native_handle(), TLS1_1_VERSION);
  ::SSL_set_max_proto_version(old.stream().native_handle(), TLS1_1_VERSION);
  EXPECT_TRUE(old.handshake());

  Client plain(server_->port());
  plain.send("GET /a" + host + "\r\n");
  EXPECT_THAT(plain.read_all(), Not(HasSubstr("HTTP")));
}

TEST_F(TlsServerTest, ABundleOfAuthoritiesAsksNothingOfClients) {
  settings_.ca_file = settings_.certificate_file;
  start();
  TlsClient stranger(server_->port());
  ASSERT_FALSE(stranger.handshake());
  EXPECT_THAT(stranger.exchange("GET /a" + host + "Connection: close\r\n\r\n", "nothing"), HasSubstr("GET /a "));
}

TEST_F(TlsServerTest, NamesTheFileThatIsWrong) {
  const auto refusal = [this](const ServerSettings& settings) -> std::string {
    try {
      Server server(context_.get_executor(), settings, Handler());
    } catch (const Failure& failure) {
      return failure.what();
    }
    return "accepted";
  };
  ServerSettings missing = settings_;
  missing.certificate_file = "/nonexistent/certificate.pem";
  EXPECT_EQ(refusal(missing), "SSL_CERT_FILE: cannot use /nonexistent/certificate.pem: No such file or directory");
  ServerSettings swapped = settings_;
  swapped.key_file = settings_.certificate_file;
  EXPECT_THAT(refusal(swapped), StartsWith("SSL_KEY_FILE: cannot use " + settings_.certificate_file + ": "));
  ServerSettings foreign = settings_;
  foreign.key_file = directory_ / "other_key.pem";
  make_certificate(directory_ / "other.pem", foreign.key_file);
  EXPECT_THAT(refusal(foreign), StartsWith("SSL_KEY_FILE: the key " + foreign.key_file));
}

}  // namespace
}  // namespace ci::net
