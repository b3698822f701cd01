// What a server does wrong, acted: each test says what is answered and looks at what was asked.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/sha256.h"
#include "base/time_text.h"
#include "net/client/testing/scripted_server.h"
#include "store/s3/s3_store.h"
#include "store/testing/loop.h"

namespace ci::store::s3 {
namespace {

using namespace std::chrono_literals;
using net::client::testing::Heard;
using net::client::testing::ScriptedServer;
using store::testing::Loop;
using store::testing::read_all;
using ::testing::HasSubstr;
using ::testing::Not;

std::string error(const char* status, const char* code) {
  return ScriptedServer::answer(status, fmt::format("<Error><Code>{}</Code><Message/></Error>", code));
}

class S3Faults : public ::testing::Test {
 protected:
  S3Settings settings_for(const ScriptedServer& server) {
    S3Settings settings;
    settings.endpoint = server.address();
    settings.bucket = "bucket";
    settings.region = "us-east-1";
    settings.access_key = "name";
    settings.secret_key = "very-secret-key";
    settings.part_bytes = 5 << 20;
    return settings;
  }
  S3Store store_for(const S3Settings& settings) { return S3Store(settings, loop_.executor(), loop_.pool()); }

  static awaitable<void> put(ObjectStore& store, std::string key, std::string text) {
    StringSource source(std::move(text));
    co_await store.put(std::move(key), source, 100 << 20);
  }

  Failure failure_of(awaitable<void> work) {
    try {
      loop_.run(std::move(work));
    } catch (const Failure& failure) {
      return failure;
    }
    return Failure(FailureKind::invalid, "none");
  }

  Loop loop_;
};

TEST_F(S3Faults, TriesAgainWithTheSameBody) {
  int calls = 0;
  ScriptedServer server([&](const Heard&) {
    switch (++calls) {
      case 1:
        return error("500 Internal Server Error", "InternalError");
      case 2:
        return std::string();  // reset
      case 3:
        return error("429 Too Many Requests", "SlowDown");
      case 4:
        return std::string("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 9\r\n\r\n<html");
      default:
        return ScriptedServer::answer("200 OK", "");
    }
  });
  S3Store store = store_for(settings_for(server));
  const std::string text(100'000, 'x');
  loop_.run(put(store, "a/b", text));
  const auto heard = server.heard();
  ASSERT_EQ(heard.size(), 5u);
  for (const Heard& request : heard) {
    EXPECT_EQ(request.method + " " + request.target, "PUT /bucket/a/b");
    EXPECT_EQ(request.body, text);
    EXPECT_THAT(request.head, HasSubstr("Host: " + server.address() + "\r\n"));
    EXPECT_THAT(request.head, HasSubstr("x-amz-content-sha256: " + sha256_hex(text)));
    EXPECT_THAT(request.head, Not(HasSubstr("very-secret-key")));
  }
}

TEST_F(S3Faults, MetadataIsNamedAsOthersNameIt) {
  ScriptedServer server([](const Heard&) { return ScriptedServer::answer("200 OK", ""); });
  S3Store store = store_for(settings_for(server));
  StringSource source("x");
  const Metadata metadata = {{content_type_name, "text/plain"}, {"original-size", "1"}, {"session-id", "s"}};
  loop_.run(store.put("states/s/state.dat", source, 100, metadata));
  const auto heard = server.heard();
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_THAT(heard[0].head, HasSubstr("x-amz-meta-original_size: 1\r\n"));
  EXPECT_THAT(heard[0].head, HasSubstr("x-amz-meta-session_id: s\r\n"));
  EXPECT_THAT(heard[0].head, HasSubstr("content-type: text/plain\r\n"));
}

TEST_F(S3Faults, WhatCannotGetBetterIsNotTriedAgain) {
  ScriptedServer server([&](const Heard&) { return error("403 Forbidden", "AccessDenied"); });
  S3Store store = store_for(settings_for(server));
  const Failure failure = failure_of(put(store, "a/b", "x"));
  EXPECT_EQ(failure.kind(), FailureKind::internal);
  EXPECT_THAT(failure.what(), HasSubstr("403 AccessDenied"));
  EXPECT_EQ(server.heard().size(), 1u);
}

TEST_F(S3Faults, AFullStoreIsNoFaultOfTheClient) {
  for (const auto& text :
       {error("507 Insufficient Storage", "XMinioStorageFull"), error("403 Forbidden", "QuotaExceeded")}) {
    ScriptedServer server([&](const Heard&) { return text; });
    S3Store store = store_for(settings_for(server));
    const Failure failure = failure_of(put(store, "a/b", "x"));
    EXPECT_EQ(failure.kind(), FailureKind::unavailable);
    EXPECT_THAT(failure.what(), HasSubstr("full"));
    EXPECT_EQ(server.heard().size(), 1u);
  }
}

TEST_F(S3Faults, GivesUpInTime) {
  std::atomic<bool> over = false;
  ScriptedServer silent([&](const Heard&) {
    while (!over) std::this_thread::sleep_for(2ms);
    return std::string();
  });
  ScriptedServer broken([](const Heard&) { return error("500 Internal Server Error", "InternalError"); });
  for (const ScriptedServer* server : {&silent, &broken}) {
    S3Settings settings = settings_for(*server);
    settings.timeout = 1s;
    S3Store store = store_for(settings);
    const auto begin = std::chrono::steady_clock::now();
    const Failure failure = failure_of(put(store, "a/b", "x"));
    EXPECT_EQ(failure.kind(), FailureKind::unavailable) << failure.what();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 2500ms);
  }
  EXPECT_GE(broken.heard().size(), 3u);
  over = true;
}

TEST_F(S3Faults, ADownloadGoesOnWhereItBroke) {
  const std::string text(3 << 20, 'd');
  ScriptedServer server([&](const Heard& heard) {
    const size_t range = heard.head.find("range: bytes=");
    if (range == std::string::npos) {
      return fmt::format(
          "HTTP/1.1 200 OK\r\nETag: \"e1\"\r\nContent-Length: {}\r\n\r\n{}", text.size(), text.substr(0, 1'000'000));
    }
    EXPECT_TRUE(heard.has("if-match: \"e1\""));
    const size_t from = std::stoul(heard.head.substr(range + 13));
    EXPECT_EQ(from, 1'000'000u);
    return ScriptedServer::answer("206 Partial Content", text.substr(from), "ETag: \"e1\"\r\n");
  });
  S3Store store = store_for(settings_for(server));
  auto object = loop_.run(store.open("a/b"));
  EXPECT_EQ(loop_.run(read_all(*object->body)), text);
  EXPECT_EQ(server.heard().size(), 2u);
}

TEST_F(S3Faults, ADownloadOfAReplacedObjectFailsInsteadOfMixing) {
  ScriptedServer server([&](const Heard& heard) {
    if (heard.head.contains("if-match:")) return error("412 Precondition Failed", "PreconditionFailed");
    return std::string("HTTP/1.1 200 OK\r\nETag: \"e1\"\r\nContent-Length: 10\r\n\r\nabc");
  });
  S3Store store = store_for(settings_for(server));
  auto object = loop_.run(store.open("a/b"));
  EXPECT_THROW(loop_.run(read_all(*object->body)), Failure);
}

// The answer to the completion is lost; asked again, the server knows no such upload, because it is done.
TEST_F(S3Faults, ACompletionWhoseAnswerWasLostIsRecognised) {
  for (const bool ours : {true, false}) {
    std::string mark;
    int completions = 0;
    ScriptedServer server([&](const Heard& heard) {
      if (heard.method == "POST" && heard.target.ends_with("?uploads=")) {
        const size_t at = heard.head.find("x-amz-meta-kubecoderun-upload: ") + 31;
        mark = heard.head.substr(at, heard.head.find('\r', at) - at);
        return ScriptedServer::answer(
            "200 OK", "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>");
      }
      if (heard.method == "PUT") return ScriptedServer::answer("200 OK", "", "ETag: \"p\"\r\n");
      if (heard.method == "POST") return ++completions == 1 ? std::string() : error("404 Not Found", "NoSuchUpload");
      if (heard.method == "HEAD") {
        return fmt::format(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nx-amz-meta-kubecoderun-upload: {}\r\n\r\n",
            ours ? mark : "another");
      }
      return ScriptedServer::answer("204 No Content", "");
    });
    S3Store store = store_for(settings_for(server));
    const Failure failure = failure_of(put(store, "a/b", std::string(6 << 20, 'x')));
    EXPECT_EQ(std::string(failure.what()) == "none", ours) << failure.what();
    const auto heard = server.heard();
    EXPECT_EQ(heard.back().method, ours ? "HEAD" : "DELETE");
    EXPECT_EQ(heard[1].target, "/bucket/a/b?partNumber=1&uploadId=u1");
  }
}

TEST_F(S3Faults, ASuccessWithAnErrorInsideIsNone) {
  int completions = 0;
  ScriptedServer server([&](const Heard& heard) {
    if (heard.target.ends_with("?uploads=")) return ScriptedServer::answer("200 OK", "<R><UploadId>u1</UploadId></R>");
    if (heard.method == "PUT") return ScriptedServer::answer("200 OK", "", "ETag: \"p\"\r\n");
    if (++completions == 1) return error("200 OK", "InternalError");
    return ScriptedServer::answer("200 OK", "<CompleteMultipartUploadResult/>");
  });
  S3Store store = store_for(settings_for(server));
  EXPECT_STREQ(failure_of(put(store, "a/b", std::string(6 << 20, 'x'))).what(), "none");
  EXPECT_EQ(completions, 2);
}

TEST_F(S3Faults, ACancelledUploadIsAborted) {
  std::atomic<bool> aborted = false;
  ScriptedServer server([&](const Heard& heard) {
    if (heard.target.ends_with("?uploads=")) return ScriptedServer::answer("200 OK", "<R><UploadId>u1</UploadId></R>");
    if (heard.method == "DELETE") aborted = true;
    return ScriptedServer::answer("200 OK", "", "ETag: \"p\"\r\n");
  });
  S3Store store = store_for(settings_for(server));
  // Gives two parts and then nothing, until it is cancelled.
  class Stuck final : public ByteSource {
   public:
    awaitable<size_t> read_some(std::span<std::byte> into) override {
      if (given >= (10 << 20)) co_await sleep_for(1h);
      given += into.size();
      co_return into.size();
    }
    size_t given = 0;
  } source;
  const auto both = [](ObjectStore& into, ByteSource& from) -> awaitable<void> {
    const auto put_it = [](ObjectStore& where, ByteSource& what) -> awaitable<int> {
      co_await where.put("a/b", what, 100 << 20);
      co_return 0;
    };
    const auto done = co_await until(after(700ms), put_it(into, from));
    EXPECT_FALSE(done);
  };
  loop_.run(both(store, source));
  EXPECT_TRUE(aborted);
}

// ---- credentials of a role

std::string in(std::chrono::seconds time) { return iso_time_z(std::chrono::system_clock::now() + time); }

TEST_F(S3Faults, WebIdentityIsExchangedKeptAndRenewed) {
  store::testing::TemporaryDirectory directory;
  const auto token_file = directory.path() / "token";
  std::ofstream(token_file) << "a.b+c/d\n";
  std::string expiry = in(1h);
  int fetched = 0;
  ScriptedServer sts([&](const Heard&) {
    return ScriptedServer::answer(
        "200 OK",
        fmt::format(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
            "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>role{}</AccessKeyId><SecretAccessKey>s"
            "</SecretAccessKey><SessionToken>session{}</SessionToken><Expiration>{}</Expiration></Credentials>"
            "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
            ++fetched, fetched, expiry));
  });
  bool refuse = false;
  ScriptedServer server([&](const Heard&) {
    if (std::exchange(refuse, false)) return error("400 Bad Request", "ExpiredToken");
    return ScriptedServer::answer("200 OK", "");
  });
  S3Settings settings = settings_for(server);
  settings.use_iam = true;
  settings.role.token_file = token_file;
  settings.role.role_arn = "arn:aws:iam::1:role/x";
  settings.role.sts_endpoint = sts.url() + "/";
  S3Store store = store_for(settings);

  std::vector<awaitable<void>> works;
  for (int i = 0; i < 5; ++i) works.push_back(put(store, "a/b", "x"));
  for (const auto& failure : loop_.run_together(std::move(works))) EXPECT_EQ(failure, nullptr);
  EXPECT_EQ(fetched, 1);
  EXPECT_EQ(
      sts.heard().at(0).body,
      "Action=AssumeRoleWithWebIdentity&DurationSeconds=3600&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx&"
      "RoleSessionName=kubecoderun&Version=2011-06-15&WebIdentityToken=a.b%2Bc%2Fd");
  EXPECT_TRUE(server.heard().at(0).has("x-amz-security-token: session1"));
  EXPECT_THAT(server.heard().at(0).head, HasSubstr("Credential=role1/"));
  EXPECT_THAT(server.heard().at(0).head, HasSubstr("x-amz-date;x-amz-security-token"));

  refuse = true;  // the server says that they are over: fetched anew, at once
  expiry = in(2min);
  loop_.run(put(store, "a/b", "x"));
  EXPECT_EQ(fetched, 2);
  EXPECT_TRUE(server.heard().back().has("x-amz-security-token: session2"));
  expiry = in(1h);  // two minutes left are too few
  loop_.run(put(store, "a/b", "x"));
  loop_.run(put(store, "a/b", "x"));
  EXPECT_EQ(fetched, 3);
}

TEST_F(S3Faults, RenewalThatFailsKeepsWhatIsStillValid) {
  bool works = true;
  ScriptedServer metadata([&](const Heard& heard) {
    if (!works) return error("500 Internal Server Error", "InternalError");
    if (heard.method == "PUT") return ScriptedServer::answer("200 OK", "metadata-token");
    if (heard.target == "/latest/meta-data/iam/security-credentials/")
      return ScriptedServer::answer("200 OK", "the-role");
    return ScriptedServer::answer(
        "200 OK",
        fmt::format(
            R"({{"Code":"Success","AccessKeyId":"i","SecretAccessKey":"s","Token":"t","Expiration":"{}"}})", in(2min)));
  });
  ScriptedServer server([&](const Heard&) { return ScriptedServer::answer("200 OK", ""); });
  S3Settings settings = settings_for(server);
  settings.use_iam = true;
  settings.access_key.clear();
  settings.role.metadata_endpoint = metadata.url();
  S3Store store = store_for(settings);
  loop_.run(put(store, "a/b", "x"));
  const auto asked = metadata.heard();
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_EQ(asked[0].method + " " + asked[0].target, "PUT /latest/api/token");
  EXPECT_TRUE(asked[0].has("X-aws-ec2-metadata-token-ttl-seconds: 21600"));
  EXPECT_EQ(asked[2].target, "/latest/meta-data/iam/security-credentials/the-role");
  EXPECT_TRUE(asked[2].has("X-aws-ec2-metadata-token: metadata-token"));
  EXPECT_TRUE(server.heard().back().has("x-amz-security-token: t"));
  works = false;
  loop_.run(put(store, "a/b", "x"));
  EXPECT_EQ(server.heard().size(), 2u);
}

TEST_F(S3Faults, ContainersGiveCredentialsForTheirToken) {
  store::testing::TemporaryDirectory directory;
  std::ofstream(directory.path() / "token") << "container-token";
  ScriptedServer container([&](const Heard& heard) {
    if (!heard.has("Authorization: container-token")) return error("401 Unauthorized", "Denied");
    return ScriptedServer::answer(
        "200 OK", fmt::format(R"({{"AccessKeyId":"c","SecretAccessKey":"s","Token":"t","Expiration":"{}"}})", in(1h)));
  });
  ScriptedServer server([&](const Heard&) { return ScriptedServer::answer("200 OK", ""); });
  S3Settings settings = settings_for(server);
  settings.use_iam = true;
  settings.role.container_url = container.url() + "/v2/credentials";
  settings.role.container_token_file = directory.path() / "token";
  S3Store store = store_for(settings);
  loop_.run(put(store, "a/b", "x"));
  EXPECT_THAT(server.heard().back().head, HasSubstr("Credential=c/"));

  settings.role.container_token_file.clear();
  settings.timeout = 500ms;
  S3Store refused = store_for(settings);
  const Failure failure = failure_of(put(refused, "a/b", "x"));
  EXPECT_EQ(failure.kind(), FailureKind::unavailable);
  EXPECT_THAT(failure.what(), HasSubstr("container credentials endpoint answered 401 Denied"));
}

TEST_F(S3Faults, KeysOfTheEnvironmentMayHaveASessionToken) {
  ScriptedServer server([&](const Heard&) { return ScriptedServer::answer("200 OK", ""); });
  S3Settings settings = settings_for(server);
  settings.session_token = "temporary";
  S3Store store = store_for(settings);
  loop_.run(put(store, "a/b", "x"));
  EXPECT_TRUE(server.heard().back().has("x-amz-security-token: temporary"));
}

}  // namespace
}  // namespace ci::store::s3
