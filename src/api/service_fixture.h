#pragma once
// All routes over stores on disk and a pool that does what each test says.

#include "api/service.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "api/errors.h"
#include "api/upload.h"
#include "base/sha256.h"
#include "execution/testing/fake_pool.h"
#include "store/open.h"
#include "store/testing/hooked_stores.h"
#include "store/testing/loop.h"

namespace ci::api {

using execution::testing::Act;
using pool::Stream;
using ::testing::HasSubstr;
using ::testing::StartsWith;

inline constexpr const char* key = "k-0123456789abcdef";

class CollectingWriter final : public net::BodyWriter {
 public:
  awaitable<void> write(std::string_view bytes) override {
    text += bytes;
    co_return;
  }
  std::string text;
};

class ServiceTest : public ::testing::Test {
 protected:
  struct Answer {
    Answer() = default;
    int status = 0;
    net::Headers headers;
    std::string text;
    boost::json::value json;
  };

  net::Request request(const std::string& method, const std::string& path) {
    net::Request made;
    made.method = method;
    made.path = path;
    for (std::size_t begin = 1; begin < path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      made.segments.push_back(path.substr(begin, end - begin));
      begin = end + 1;
    }
    made.id = "request-id";
    made.peer = asio::ip::make_address("192.0.2.1");
    made.headers.add("X-API-Key", key);
    return made;
  }

  Answer send(net::Request wanted, std::string body = {}) {
    StringSource source(std::move(body));
    wanted.body = &source;
    return loop_.run(answer_to(service(), wanted));
  }
  Answer post(const std::string& path, std::string body, const std::string& type = "application/json") {
    net::Request wanted = request("POST", path);
    wanted.headers.add("Content-Type", type);
    return send(std::move(wanted), std::move(body));
  }
  Answer get(const std::string& path) { return send(request("GET", path)); }

  static awaitable<Answer> answer_to(Service& service, net::Request& wanted) {
    Answer answer;
    net::Response response = co_await service.handle(wanted);
    answer.status = response.status;
    answer.headers = response.headers;
    if (auto* text = std::get_if<std::string>(&response.body)) answer.text = *text;
    if (auto* source = std::get_if<net::SourceBody>(&response.body)) {
      std::string all = co_await store::testing::read_all(*source->source);
      answer.text = std::move(all);
    }
    if (auto* stream = std::get_if<net::StreamBody>(&response.body)) {
      CollectingWriter writer;
      co_await (*stream)(writer);
      answer.text = std::move(writer.text);
    }
    boost::system::error_code not_json;
    answer.json = boost::json::parse(answer.text, not_json);
    co_return answer;
  }

  // Made on first use, so that a test may change the settings before.
  Service& service() {
    if (!service_) {
      service_.emplace(executions_, runs_, sessions_, files_, states_, keys_, pool_, loop_.pool(), settings_);
      service_->set_ready(true);
    }
    return *service_;
  }

  static state::StateSettings without_memory() {
    state::StateSettings settings;
    settings.memory = 0;
    return settings;
  }

  ~ServiceTest() override { loop_.run(runs_.stop()); }

  store::testing::TemporaryDirectory directory_;
  store::testing::Loop loop_;
  std::unique_ptr<store::KeyValueStore> records_ = store::open_sqlite(directory_.path() / "records", loop_.pool());
  std::unique_ptr<store::ObjectStore> bodies_ = store::open_filesystem(directory_.path() / "files", loop_.pool());
  files::Sessions sessions_{*records_, files::SessionSettings()};
  files::SessionFiles files_{*records_, *bodies_};
  state::Turns turns_{loop_.executor(), *records_, state::TurnSettings()};
  store::testing::HookedRecords records_of_states_{*records_};
  state::States states_{records_of_states_, *bodies_, loop_.pool(), turns_, without_memory()};
  execution::testing::FakePool pool_;
  execution::Executions executions_{pool_, sessions_, files_, loop_.pool(), execution::ExecutionSettings()};
  metrics::RunLog run_log_;
  execution::Runs runs_{loop_.executor(), executions_, run_log_};
  access::ApiKeys keys_{{key}};
  ApiSettings settings_;
  std::optional<Service> service_;
};

inline std::string form(const std::vector<std::pair<std::string, std::string>>& parts) {
  std::string body;
  for (const auto& [parameters, content] : parts) {
    body += "--b\r\nContent-Disposition: form-data; " + parameters + "\r\n\r\n" + content + "\r\n";
  }
  return body + "--b--\r\n";
}
inline constexpr const char* form_type = "multipart/form-data; boundary=b";

}  // namespace ci::api
