#include "api/accept.h"

#include <gtest/gtest.h>

namespace ci::api {
namespace {

TEST(Accept, TakesTheClosestRangeAndItsWeight) {
  const char* prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
  EXPECT_EQ(wanted(prometheus, "application/openmetrics-text"), 0.5);
  EXPECT_EQ(wanted(prometheus, "text/plain"), 0.3);
  EXPECT_EQ(wanted(prometheus, "application/json"), 0.1);
  EXPECT_EQ(wanted("*/*", "application/json"), 1);
  EXPECT_EQ(wanted("", "text/plain"), 1);
  EXPECT_EQ(wanted("text/html, text/*;q=0.4", "text/plain"), 0.4);
  EXPECT_EQ(wanted("text/html", "application/json"), 0);
  EXPECT_EQ(wanted("TEXT/PLAIN ; Q=0.2", "text/plain"), 0.2);
}

}  // namespace
}  // namespace ci::api
