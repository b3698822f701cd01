#include "api/redact.h"

#include <gtest/gtest.h>

namespace ci::api {
namespace {

TEST(Redact, DoesNotTellWhereTheServerKeepsThings) {
  EXPECT_EQ(
      without_paths("the disk is full: no space is left in /srv/kubecoderun/files"),
      "the disk is full: no space is left in …");
  EXPECT_EQ(without_paths("opening \"/a/b\" (see /c/d): denied"), "opening \"…\" (see …): denied");
  EXPECT_EQ(without_paths("/x: not a directory"), "…: not a directory");
  EXPECT_EQ(
      without_paths("no answer from https://host/path and/or 1/2"), "no answer from https://host/path and/or 1/2");
  EXPECT_EQ(without_paths(""), "");
}

}  // namespace
}  // namespace ci::api
