#include "bench/own_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ci::bench {
namespace {

using ::testing::UnorderedElementsAre;

TEST(OwnServer, TouchesNobodyElsesData) {
  const char* const ours[] = {"PATH=/bin",      "REDIS_URL=redis://prod", "redis_host=prod",          "S3_ENDPOINT=s3",
                              "API_KEY=theirs", "POD_POOL_PY=9",          "DATA_DIR=/var/lib/theirs", "Pod_Pool_Js=1",
                              nullptr};
  EXPECT_THAT(
      server_environment(ours, {{"API_KEY", "mine"}, {"POD_POOL_JS", "3"}}),
      UnorderedElementsAre("PATH=/bin", "POD_POOL_PY=9", "API_KEY=mine", "POD_POOL_JS=3"));
}

}  // namespace
}  // namespace ci::bench
