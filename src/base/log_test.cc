#include "base/log.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/failure.h"

namespace ci {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

class LogTest : public ::testing::Test {
 protected:
  LogTest() : directory_(fs::temp_directory_path() / ("kubecoderun-log-test-" + std::to_string(::getpid()))) {
    fs::create_directories(directory_);
    settings_.target = LogTarget::file;
    settings_.file = directory_ / "server.log";
    settings_.logger = "server";
    settings_.version = "1.2.3";
  }
  ~LogTest() override {
    configure_log(LogSettings());
    fs::remove_all(directory_);
  }

  static std::vector<std::string> lines_of(const fs::path& path) {
    std::vector<std::string> lines;
    std::ifstream stream(path);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }

  fs::path directory_;
  LogSettings settings_;
};

TEST_F(LogTest, EachLineIsOneJsonObject) {
  configure_log(settings_);
  log_info(
      "request \"x\"\n", {{"path", "/a\tb"},
                          {"status_code", 200},
                          {"duration_ms", 0.5},
                          {"bytes", std::uint64_t{1} << 63},
                          {"below", -3}});
  log_warning("bad bytes", {{"path", "/\xff\x80"}, {"name", "ü"}});
  const auto lines = lines_of(settings_.file);
  ASSERT_EQ(lines.size(), 2u);
  const json::object first = json::parse(lines[0]).as_object();
  EXPECT_EQ(first.at("event").as_string(), "request \"x\"\n");
  EXPECT_EQ(first.at("level").as_string(), "info");
  EXPECT_EQ(first.at("service").as_string(), "kubecoderun-api");
  EXPECT_EQ(first.at("logger").as_string(), "server");
  EXPECT_EQ(first.at("version").as_string(), "1.2.3");
  EXPECT_THAT(std::string(first.at("timestamp").as_string()), ::testing::MatchesRegex("....-..-..T..:..:..\\....Z"));
  EXPECT_EQ(first.at("status_code").as_int64(), 200);
  EXPECT_EQ(first.at("duration_ms").as_double(), 0.5);
  EXPECT_EQ(first.at("bytes").as_uint64(), std::uint64_t{1} << 63);
  EXPECT_EQ(first.at("below").as_int64(), -3);
  const json::object second = json::parse(lines[1]).as_object();
  EXPECT_EQ(second.at("path").as_string(), "/??");
  EXPECT_EQ(second.at("name").as_string(), "ü");
}

TEST_F(LogTest, NeverHasAWholeSessionId) {
  for (const LogFormat format : {LogFormat::json, LogFormat::text}) {
    settings_.format = format;
    configure_log(settings_);
    log_info("run", {{"session_id", "Zt0kQ8s1VbL5nE3cRy7Wd"}});
  }
  for (const std::string& line : lines_of(settings_.file)) {
    EXPECT_THAT(line, ::testing::HasSubstr("Zt0kQ8s1VbL5"));
    EXPECT_THAT(line, ::testing::Not(::testing::HasSubstr("Zt0kQ8s1VbL5n")));
  }
}

TEST_F(LogTest, AFileRotatesAndKeepsSoManyOlderOnes) {
  settings_.file_megabytes = 1;
  settings_.file_backups = 2;
  configure_log(settings_);
  const std::string filler(1000, 'x');
  constexpr int count = 5000;  // more than four megabytes
  for (int i = 0; i < count; ++i) log_info("line", {{"number", i}, {"filler", filler}});
  std::set<std::int64_t> numbers;
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(directory_)) {
    ++files;
    EXPECT_LE(entry.file_size(), 1u << 20);
    for (const std::string& line : lines_of(entry.path())) {
      EXPECT_TRUE(numbers.insert(json::parse(line).at("number").as_int64()).second);
    }
  }
  EXPECT_EQ(files, 3u);
  // The newest are there, without a gap.
  EXPECT_EQ(*numbers.rbegin(), count - 1);
  EXPECT_EQ(*numbers.rbegin() - *numbers.begin() + 1, static_cast<std::int64_t>(numbers.size()));
  EXPECT_GT(numbers.size(), 2000u);
}

TEST_F(LogTest, AFileThatCannotBeOpenedIsSaidAtOnce) {
  settings_.file = "/dev/null/server.log";
  EXPECT_THROW(configure_log(settings_), Failure);
}

}  // namespace
}  // namespace ci
