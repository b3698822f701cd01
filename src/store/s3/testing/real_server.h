#pragma once
// The S3 server that the test run was given, in KUBECODERUN_TEST_S3_ENDPOINT, _ACCESS_KEY, _SECRET_KEY and _REGION (./test
// starts one when it can). Without it tests that need it skip.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/ids.h"
#include "store/s3/answers.h"
#include "store/s3/s3_store.h"
#include "store/testing/loop.h"

namespace ci::store::s3::testing {

inline std::string variable(const char* name) {
  const char* value = std::getenv((std::string("KUBECODERUN_TEST_S3_") + name).c_str());
  return value == nullptr ? "" : value;
}

inline bool has_real_server() { return !variable("ENDPOINT").empty(); }
inline constexpr const char* no_real_server = "needs an S3 server: KUBECODERUN_TEST_S3_ENDPOINT is not set";

inline S3Settings real_settings() {
  S3Settings settings;
  settings.endpoint = variable("ENDPOINT");
  if (const size_t scheme = settings.endpoint.find("://"); scheme != std::string::npos)
    settings.endpoint.erase(0, scheme + 3);
  settings.access_key = variable("ACCESS_KEY");
  settings.secret_key = variable("SECRET_KEY");
  settings.region = variable("REGION").empty() ? "us-east-1" : variable("REGION");
  std::string name = "test-" + new_id();
  for (char& c : name) c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  settings.bucket = name;
  settings.part_bytes = 5 << 20;
  return settings;
}

// A bucket that goes with its owner. Made by the store itself, at the first object.
class Bucket {
 public:
  explicit Bucket(S3Settings settings = real_settings()) : settings_(std::move(settings)) {}
  ~Bucket() {
    try {
      remove();
    } catch (const std::exception& error) {
      ADD_FAILURE() << "the bucket stays: " << error.what();
    }
  }
  S3Store& store() { return store_; }
  store::testing::Loop& loop() { return loop_; }
  const S3Settings& settings() const { return settings_; }
  S3Client& client() { return client_; }

 private:
  void remove() {
    for (;;) {
      const auto page = loop_.run(store_.list("", "", 1000));
      for (const ObjectInfo& object : page.objects) loop_.run(store_.remove(object.key));
      if (page.objects.empty()) break;
    }
    loop_.run(store_.remove_unfinished(std::chrono::seconds(-100)));
    const Call call("DELETE", "");
    loop_.run(client_.call(call));
  }

  S3Settings settings_;
  store::testing::Loop loop_;
  S3Store store_{settings_, loop_.executor(), loop_.pool()};
  S3Client client_{settings_, loop_.executor(), loop_.pool()};
};

}  // namespace ci::store::s3::testing
