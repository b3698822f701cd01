#include "app/settings/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/failure.h"

namespace ci::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Settings load(const Variables& environment, const Variables& file = {}) {
  return load_settings(environment, file).values;
}

std::string refusal(const Variables& environment) {
  try {
    load_settings(environment, {});
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.kind(), FailureKind::invalid);
    return failure.what();
  }
  return "";
}

TEST(SettingsTable, EveryRowIsWhole) {
  std::set<std::string> names;
  for (const Setting& setting : settings_table()) {
    EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
    for (const std::string& alias : setting.aliases) EXPECT_TRUE(names.insert(alias).second) << alias;
    EXPECT_FALSE(setting.meaning.empty()) << setting.name;
    EXPECT_NE(setting.no_effect.empty(), !setting.apply)
        << setting.name << " must either have an effect or say why not";
    if (!setting.initial.empty()) {
      EXPECT_NO_THROW(parse_value(setting, setting.initial)) << setting.name;
    }
  }
}

TEST(Settings, DefaultsAreThoseOfTheTable) {
  const Settings settings = load({});
  EXPECT_EQ(settings.port, 8000);
  EXPECT_EQ(settings.host, "0.0.0.0");
  EXPECT_EQ(settings.time_limit, std::chrono::seconds(30));
  EXPECT_EQ(settings.memory_bytes, 512u << 20);
  EXPECT_EQ(settings.json_bytes, 50u << 20);
  EXPECT_EQ(settings.pool_floors.at("py"), 5);
  EXPECT_EQ(settings.pool_floors.at("bash"), 2);
  EXPECT_EQ(settings.concurrent_runs, 0);
  EXPECT_THAT(settings.blocked_patterns, IsEmpty());
  EXPECT_THAT(settings.allowed_extensions, IsEmpty());
  EXPECT_TRUE(settings.authentication);
  EXPECT_EQ(settings.output_characters, 65536);
  EXPECT_THAT(settings.blocked_output_suffixes, ElementsAre(".exe", ".bat", ".cmd", ".ps1", ".scr", ".com"));
}

TEST(Settings, EnvironmentWinsOverFileAndCaseDoesNotMatter) {
  const char* const environment[] = {"api_port=9001", "API_HOST=::1", "api_host=ignored", "NOT_OURS=1", nullptr};
  const Settings settings = load(variables_of(environment), {{"API_PORT", "9002"}, {"MAX_PIDS", "100"}});
  EXPECT_EQ(settings.port, 9001);
  EXPECT_EQ(settings.host, "::1");
  EXPECT_EQ(settings.processes, 100);
}

TEST(Settings, EmptyTextIsNotSet) {
  const Settings settings = load({{"API_PORT", ""}, {"API_HOST", " "}, {"API_KEYS", ""}});
  EXPECT_EQ(settings.port, 8000);
  EXPECT_EQ(settings.host, "0.0.0.0");
  EXPECT_THAT(settings.api_keys, IsEmpty());
}

TEST(Settings, BooleansInAllTheirForms) {
  for (const char* yes : {"true", "True", "1", "YES", "on", "t", "y"})
    EXPECT_TRUE(load({{"ENABLE_CORS", yes}}).cors) << yes;
  for (const char* no : {"false", "0", "No", "OFF", "f", "n"}) EXPECT_FALSE(load({{"ENABLE_DOCS", no}}).docs) << no;
  EXPECT_THAT(refusal({{"ENABLE_CORS", "maybe"}}), HasSubstr("ENABLE_CORS"));
}

TEST(Settings, ListsAsJsonAndWithCommas) {
  EXPECT_THAT(
      load({{"CORS_ORIGINS", R"(["https://a", "https://b"])"}}).cors_origins, ElementsAre("https://a", "https://b"));
  EXPECT_THAT(load({{"CORS_ORIGINS", " https://a ,https://b,"}}).cors_origins, ElementsAre("https://a", "https://b"));
  EXPECT_THAT(load({{"BLOCKED_FILE_PATTERNS", "[]"}}).blocked_patterns, IsEmpty());
  EXPECT_THAT(load({{"BLOCKED_OUTPUT_SUFFIXES", "[]"}}).blocked_output_suffixes, IsEmpty());
  EXPECT_THAT(load({{"BLOCKED_OUTPUT_SUFFIXES", ".sh, .exe"}}).blocked_output_suffixes, ElementsAre(".sh", ".exe"));
  EXPECT_THAT(refusal({{"CORS_ORIGINS", "[1]"}}), HasSubstr("CORS_ORIGINS"));
  EXPECT_THAT(refusal({{"CORS_ORIGINS", "[\"a\""}}), HasSubstr("CORS_ORIGINS"));
  EXPECT_THAT(refusal({{"ALLOW_WEAK_SANDBOX", "everything"}}), HasSubstr("ALLOW_WEAK_SANDBOX"));
}

TEST(Settings, SizesWithUnits) {
  EXPECT_EQ(load({{"CODEAPI_HTTP_JSON_LIMIT", "1.5 MB"}}).json_bytes, 1536u << 10);
  EXPECT_EQ(load({{"MAX_OUTPUT_SIZE", "2097152"}}).output_bytes, 2u << 20);
  EXPECT_THAT(refusal({{"MAX_OUTPUT_SIZE", "lots"}}), HasSubstr("MAX_OUTPUT_SIZE"));
  EXPECT_THAT(refusal({{"MAX_OUTPUT_SIZE", "1"}}), HasSubstr("MAX_OUTPUT_SIZE"));
}

TEST(Settings, OutOfRangeNamesEveryVariable) {
  const std::string text =
      refusal({{"API_PORT", "70000"}, {"MAX_EXECUTION_TIME", "0"}, {"MAX_PIDS", "12x"}, {"LOG_LEVEL", "loud"}});
  EXPECT_THAT(text, HasSubstr("API_PORT: \"70000\" is not in the range 1 to 65535"));
  EXPECT_THAT(text, HasSubstr("MAX_EXECUTION_TIME"));
  EXPECT_THAT(text, HasSubstr("MAX_PIDS"));
  EXPECT_THAT(text, HasSubstr("LOG_LEVEL"));
}

TEST(Settings, RowsWithoutEffectAreCheckedToo) {
  EXPECT_THAT(refusal({{"REDIS_DB", "16"}}), HasSubstr("REDIS_DB"));
  EXPECT_THAT(refusal({{"K8S_POD_TOLERATIONS", "{"}}), HasSubstr("K8S_POD_TOLERATIONS"));
  EXPECT_EQ(refusal({{"LANG_IMAGE_BASH", "x:1"}, {"REDIS_URL", "redis://h"}, {"MAX_CPUS", "2.5"}}), "");
}

TEST(Settings, ShortKeysAreRefusedWithoutShowingThem) {
  const std::string text = refusal({{"API_KEY", "test-api-key"}});
  EXPECT_THAT(text, HasSubstr("API_KEY"));
  EXPECT_THAT(text, Not(HasSubstr("test-api-key")));
  EXPECT_THAT(refusal({{"API_KEYS", "0123456789abcdef,short"}}), HasSubstr("API_KEYS"));
  EXPECT_EQ(refusal({{"API_KEY", "0123456789abcdef"}, {"API_KEYS", "aaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbb"}}), "");
}

TEST(Settings, AnEmptyKeyIsAMistakeUnlessThereAreOthers) {
  EXPECT_THAT(refusal({{"API_KEY", ""}}), HasSubstr("API_KEY"));
  EXPECT_EQ(refusal({{"API_KEY", ""}, {"API_KEYS", "0123456789abcdef"}}), "");
  EXPECT_EQ(refusal({}), "");
}

TEST(Settings, WhatBelongsTogetherIsChecked) {
  EXPECT_THAT(
      refusal({{"MAX_FILE_SIZE_MB", "100"}, {"MAX_TOTAL_FILE_SIZE_MB", "50"}}), HasSubstr("MAX_TOTAL_FILE_SIZE_MB"));
  EXPECT_THAT(refusal({{"ENABLE_HTTPS", "true"}}), HasSubstr("SSL_CERT_FILE"));
}

TEST(Settings, TheSumOfAnUploadFollowsTheLimitOfAFile) {
  EXPECT_EQ(load({{"MAX_FILE_SIZE_MB", "100"}}).request_bytes, 100u << 20);
  EXPECT_EQ(load({{"MAX_FILE_SIZE_MB", "20"}}).request_bytes, 50u << 20);
  EXPECT_EQ(load({{"MAX_FILE_SIZE_MB", "100"}, {"MAX_TOTAL_FILE_SIZE_MB", "200"}}).request_bytes, 200u << 20);
}

TEST(Settings, AliasesAreRead) {
  EXPECT_TRUE(load({{"ENABLE_ORPHAN_S3_CLEANUP", "1"}}).orphan_cleanup);
  EXPECT_FALSE(load({{"ENABLE_ORPHAN_S3_CLEANUP", "1"}, {"ENABLE_ORPHAN_MINIO_CLEANUP", "0"}}).orphan_cleanup);
}

TEST(Settings, DescriptionsHideSecrets) {
  const LoadedSettings loaded = load_settings(
      {{"API_KEY", "very-secret-key-0123"}, {"API_KEYS", "also-secret-key-0123"}, {"REDIS_URL", "redis://:pw@h"}}, {});
  for (const std::string& text : {describe_settings(loaded), describe_settings_json(loaded)}) {
    EXPECT_THAT(text, HasSubstr("API_PORT"));
    EXPECT_THAT(text, Not(HasSubstr("very-secret")));
    EXPECT_THAT(text, Not(HasSubstr("also-secret")));
    EXPECT_THAT(text, Not(HasSubstr("pw@h")));
  }
}

TEST(Settings, AnEndpointChoosesS3) {
  EXPECT_FALSE(load({}).s3.chosen());
  EXPECT_FALSE(load({{"AWS_REGION", "eu-west-1"}, {"AWS_ACCESS_KEY_ID", "a"}}).s3.chosen());
  const auto s3 = load({{"S3_ENDPOINT", "minio:9000"},
                        {"S3_ACCESS_KEY", "name"},
                        {"AWS_SECRET_ACCESS_KEY", "key"},
                        {"S3_SECURE", "yes"},
                        {"AWS_REGION", "eu-west-1"},
                        {"S3_TIMEOUT_SECONDS", "3"}})
                      .s3;
  EXPECT_TRUE(s3.chosen());
  EXPECT_EQ(s3.endpoint, "minio:9000");
  EXPECT_EQ(s3.access_key + "/" + s3.secret_key, "name/key");
  EXPECT_TRUE(s3.secure);
  EXPECT_EQ(s3.region, "eu-west-1");
  EXPECT_EQ(s3.bucket, "kubecoderun-files");
  EXPECT_EQ(s3.timeout, std::chrono::seconds(3));
  EXPECT_EQ(
      load({{"S3_ENDPOINT", "other:1"}, {"MINIO_ENDPOINT", "minio:9000"}, {"MINIO_USE_IAM", "1"}}).s3.endpoint,
      "minio:9000");
}

TEST(Settings, AnEndpointThatCannotWorkIsRefused) {
  const auto with = [](const char* endpoint) {
    return Variables{{"MINIO_ENDPOINT", endpoint}, {"MINIO_ACCESS_KEY", "name"}, {"MINIO_SECRET_KEY", "hidden-key"}};
  };
  EXPECT_EQ(refusal(with("localhost:9000")), "");
  EXPECT_THAT(
      refusal(with("http://localhost:9000")),
      AllOf(HasSubstr("MINIO_ENDPOINT"), HasSubstr("scheme"), HasSubstr("MINIO_SECURE")));
  EXPECT_THAT(refusal(with("localhost:9000/path")), HasSubstr("host:port"));
  EXPECT_THAT(
      refusal({{"MINIO_ENDPOINT", "localhost:9000"}, {"MINIO_ACCESS_KEY", "name"}}), HasSubstr("MINIO_SECRET_KEY"));
  EXPECT_EQ(refusal({{"MINIO_ENDPOINT", "localhost:9000"}, {"MINIO_USE_IAM", "true"}}), "");
  auto bucket = with("localhost:9000");
  bucket["MINIO_BUCKET"] = "a/b";
  EXPECT_THAT(refusal(bucket), AllOf(HasSubstr("MINIO_BUCKET"), Not(HasSubstr("hidden-key"))));
}

}  // namespace
}  // namespace ci::app
