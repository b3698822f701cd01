#include "bench/selection.h"

#include <gtest/gtest.h>

#include "base/failure.h"

namespace ci::bench {
namespace {

TEST(Selection, NothingMeansEverything) {
  const Selection all({});
  EXPECT_TRUE(all.wants_group("memory"));
  EXPECT_TRUE(all.wants_case("languages", "py hello", "py"));
}

TEST(Selection, GroupsCasesAndLanguages) {
  const Selection some({"State,files", " PY-hello ,cpp"});
  EXPECT_TRUE(some.wants_group("state"));
  EXPECT_TRUE(some.wants_group("files"));
  EXPECT_FALSE(some.wants_group("languages"));
  EXPECT_TRUE(some.wants_case("languages", "py hello", "py"));
  EXPECT_FALSE(some.wants_case("languages", "py numpy", "py"));
  EXPECT_TRUE(some.wants_case("languages", "cpp sort", "cpp"));
  EXPECT_FALSE(some.wants_case("languages", "c hello", "c"));
}

TEST(Selection, WhatNeedsFurtherPackagesIsWantedWhenItIsNamed) {
  EXPECT_FALSE(Selection({}).wants_case("documents", "docx to pdf", "py"));
  EXPECT_FALSE(Selection({"py"}).wants_case("documents", "docx to pdf", "py"));
  EXPECT_TRUE(Selection({"documents"}).wants_case("documents", "docx to pdf", "py"));
  EXPECT_TRUE(Selection({"docx-to-pdf"}).wants_case("documents", "docx to pdf", "py"));
}

TEST(Selection, AWordWithoutMeaningIsAMistake) {
  try {
    Selection wrong({"languages,cobol"});
    FAIL() << "accepted";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.kind(), FailureKind::invalid);
    const std::string text = failure.what();
    EXPECT_NE(text.find("\"cobol\""), text.npos);
    EXPECT_NE(text.find("concurrency"), text.npos);
  }
}

TEST(Selection, EmptyPartsAreNoWords) { EXPECT_TRUE(Selection({",", " "}).wants_group("start")); }

}  // namespace
}  // namespace ci::bench
