#include "runner/runner.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/failure.h"
#include "base/log.h"
#include "base/time_text.h"
#include "base/utf8.h"
#include "execution/program.h"
#include "execution/shape.h"
#include "languages/language.h"
#include "net/status.h"
#include "pool/stream/event_stream.h"
#include "pool/stream/frames.h"
#include "pool/stream/program_feed.h"
#include "pool/stream/texts.h"
#include "runner/answers.h"

namespace ci::runner {

namespace json = boost::json;

namespace {

constexpr std::chrono::seconds patience{60};  // for a sandbox: interpreters are read from disk
constexpr std::chrono::seconds overtime{20}, time_to_collect{60};
constexpr std::uint64_t longest_word = 24 << 20;
constexpr std::uint64_t longest_code = 64 << 20;

// Nobody knows yet what the program will import: what most of those that import something do.
pool::Demand demand_of(const std::string& language) {
  std::vector<std::string> modules;
  if (language == "py") modules.emplace_back("pandas");
  return pool::Demand(language, std::move(modules));
}

}  // namespace

// The run that a pod is for. Whoever holds it may use the sandbox; at its end there is none any more.
class Runner::Use {
 public:
  explicit Use(Runner& runner, bool spends) : runner_(runner), spends_(spends) { runner_.stage_ = Stage::running; }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    runner_.stage_ = Stage::over;
    runner_.lease_.reset();
    if (spends_) runner_.is_spent_ = true;
    runner_.changes_.announce();
  }
  void keep_pod() { spends_ = false; }
  bool keeps_pod() const { return !spends_; }
  // Nothing can be said to it any more.
  void is_over() { runner_.stage_ = Stage::over; }

 private:
  Runner& runner_;
  bool spends_;  // nobody will ask for anything afterwards
};

Runner::Runner(
    asio::any_io_executor executor, pool::SandboxPool& pool, asio::thread_pool& blocking, RunnerSettings settings)
    : executor_(executor),
      pool_(pool),
      blocking_(blocking),
      settings_(std::move(settings)),
      files_(blocking),
      changes_(std::move(executor)) {}

Runner::~Runner() = default;

awaitable<void> Runner::prepare() {
  pool::Demand demand = demand_of(settings_.language);
  lease_ = co_await pool_.acquire(std::move(demand), after(patience));
  stage_ = Stage::waiting;
}

awaitable<bool> Runner::wait_until_spent(Deadline deadline) {
  while (!is_spent_ && std::chrono::steady_clock::now() < deadline) {
    if (stage_ == Stage::waiting && !lease_->waits()) {
      log_error("the sandbox ended before a program came");
      is_spent_ = true;
    } else {
      co_await changes_.wait(deadline);
    }
  }
  co_return is_spent_;
}

awaitable<net::Response> Runner::handle(net::Request& request) {
  int status = 500;
  std::string reason;
  try {
    co_return co_await route(request);
  } catch (const Failure& failure) {
    status = net::status_of(failure.kind());
    reason = failure.what();
  }
  log_warning("request failed", {{"path", request.path}, {"reason", reason}});
  co_return refusal(status, reason);
}

bool Runner::is_allowed(const net::Request& request) const {
  if (settings_.token.empty()) return true;
  const std::string wanted = "Bearer " + settings_.token;
  const std::string_view given = request.headers.find("Authorization").value_or("");
  return given.size() == wanted.size() && ::CRYPTO_memcmp(given.data(), wanted.data(), wanted.size()) == 0;
}

awaitable<net::Response> Runner::route(net::Request& request) {
  const std::string& path = request.path;
  const bool get = request.method == "GET", post = request.method == "POST";
  const bool allowed = is_allowed(request);
  if (allowed && request.headers.find("Authorization")) last_asked_ = std::chrono::steady_clock::now();
  if (get && path == "/health") co_return health();
  if (get && path == "/ready") co_return ready();
  if (!allowed) co_return refusal(401, "Show the token of this pod: Authorization: Bearer …");
  request.held.belongs_to("whoever has the token");
  if (post && path == "/run") co_return co_await run(request);
  if (post && path == "/word") co_return co_await tell(request);
  if (post && path == "/cancel") co_return co_await cancel();
  if (post && path == "/execute") co_return co_await execute(request);
  if (post && path == "/files") co_return co_await upload(request);
  const bool is_file = !request.segments.empty() && request.segments.front() == "files";
  if (get && is_file) co_return get_file(request);
  if (request.method == "DELETE" && is_file) co_return remove_file(request);
  co_return refusal(404, "Not Found");
}

net::Response Runner::health() const {
  json::object body;
  body["status"] = "healthy";
  body["language"] = settings_.language;
  body["working_dir"] = working_directory;
  body["timestamp"] = iso_time_z(std::chrono::system_clock::now());
  return answer(200, body);
}

net::Response Runner::ready() {
  const bool is_ready = stage_ == Stage::waiting ? lease_->waits() : stage_ != Stage::preparing;
  if (!is_ready) return refusal(503, "Working directory not ready");
  json::object body;
  body["status"] = "ready";
  return answer(200, body);
}

awaitable<std::shared_ptr<Runner::Use>> Runner::begin(std::string language) {
  if (stage_ != Stage::waiting) co_return nullptr;
  auto use = std::make_shared<Use>(*this, true);
  use_ = use;
  if (language != settings_.language) {
    // An image with several languages, whose pod waits with another one.
    lease_.reset();
    pool::Demand demand = demand_of(language);
    lease_ = co_await pool_.acquire(std::move(demand), after(patience));
  }
  co_return use;
}

// --- one streamed request ----------------------------------------------------------------------------------------------

awaitable<net::Response> Runner::run(net::Request& request) {
  pool::FrameReader frames(*request.body);
  pool::ProgramFeed feed(executor_, frames);
  co_await feed.read_head();
  const languages::Language* language = languages::find(feed.language());
  if (language == nullptr) co_return refusal(400, "Unsupported language: " + feed.language());
  pool::Program program = feed.take_program(language->file);
  program.time_limit = std::min<std::chrono::milliseconds>(program.time_limit, settings_.time_limit);
  program.output_file_limit = std::min(program.output_file_limit, settings_.file_bytes);
  const std::shared_ptr<Use> use = co_await begin(std::string(language->code));
  if (!use) co_return refusal(409, "This pod has had its run");
  co_await lease_->start(std::move(program));
  net::Response response;
  response.headers.set("Content-Type", "application/octet-stream");
  response.close = true;
  response.body = net::StreamBody([this, use](net::BodyWriter& writer) { return send_events(use, writer); });
  co_return response;
}

// `use` is kept until the last event has been sent, or the client has left.
awaitable<void> Runner::send_events(std::shared_ptr<Use> use, net::BodyWriter& writer) {
  const pool::WriteBytes write = [&writer](std::string_view bytes) { return writer.write(bytes); };
  std::string reason;
  try {
    for (bool last = false; !last;) {
      pool::Event event = co_await lease_->next();
      last = std::holds_alternative<pool::Collected>(event);
      co_await pool::send_event(std::move(event), write);
    }
  } catch (const Failure& failure) {
    reason = failure.what();
  }
  use->is_over();
  if (reason.empty()) co_return;
  log_error("a run failed", {{"reason", reason}});
  const std::string frame = pool::frame_bytes(pool::FrameTag::failed, reason);
  co_await writer.write(frame);
}

awaitable<net::Response> Runner::tell(net::Request& request) {
  const std::string text = co_await net::read_body(request, longest_word);
  pool::Word word = pool::read_word(text);
  const std::shared_ptr<Use> use = use_.lock();
  if (!use) co_return refusal(409, "No program runs");
  co_await lease_->tell(std::move(word));
  co_return answer(200, {});
}

// --- the requests of the runner before this one --------------------------------------------------------------------------

class Runner::Sink final : public execution::ProgramSink {
 public:
  explicit Sink(Runner& runner) : runner_(runner) {}

  void started() override {}
  awaitable<void> output(pool::Stream stream, std::string_view bytes) override {
    std::string& text = stream == pool::Stream::out ? out : err;
    const std::uint64_t most = runner_.settings_.output_bytes;
    text += bytes.substr(0, most - std::min<std::uint64_t>(most, text.size()));
    co_return;
  }
  void call(pool::Call) override {}
  awaitable<void> file(pool::OutputFile file) override {
    runner_.files_.put(file.name, std::move(file.body), file.size);
    co_return;
  }
  awaitable<pool::Word> word() override {
    while (!runner_.interrupted_) co_await runner_.changes_.wait();
    runner_.interrupted_ = false;
    co_return pool::Interrupt();
  }

  std::string out, err;

 private:
  Runner& runner_;
};

awaitable<net::Response> Runner::execute(net::Request& request) {
  const std::string text = co_await net::read_body(request, longest_code);
  json::error_code error;
  const json::value body = json::parse(text, error);
  if (error || !body.is_object() || !body.get_object().contains("code")) co_return refusal(400, "Invalid request body");
  const json::object& fields = body.get_object();
  pool::Program program;
  std::string language = settings_.language;
  long seconds = 0;
  for (const auto& [name, value] : fields) {
    if (name == "code" && value.is_string()) program.code = value.get_string();
    if (name == "language" && value.is_string()) language = value.get_string();
    if (name == "timeout" && value.is_int64()) seconds = static_cast<long>(value.get_int64());
    if (name != "args" || !value.is_array()) continue;
    for (const json::value& argument : value.get_array()) {
      if (argument.is_string()) program.arguments.emplace_back(argument.get_string());
    }
  }
  json::object result;
  const languages::Language* known = languages::find(language);
  if (known == nullptr) {
    result["exit_code"] = 1;
    result["stdout"] = "";
    result["stderr"] = "Unsupported language: " + language;
    result["execution_time_ms"] = 0;
    co_return answer(200, result);
  }
  const bool is_sensible = seconds > 0 && std::chrono::seconds(seconds) < settings_.time_limit;
  const std::chrono::seconds limit = is_sensible ? std::chrono::seconds(seconds) : settings_.time_limit;
  program.time_limit = limit;
  program.compile_limit = known->compile_limit(settings_.time_limit);
  program.inputs = files_.inputs();
  program.output_file_limit = settings_.file_bytes;
  program.output_file_count = static_cast<std::uint32_t>(program.inputs.size()) + settings_.files;
  const std::shared_ptr<Use> use = co_await begin(std::string(known->code));
  if (!use) co_return refusal(409, "This pod has had its run");
  use->keep_pod();  // its files are asked for afterwards
  Sink sink(*this);
  interrupted_ = false;
  const execution::Ran ran = co_await execution::run_program(*lease_, std::move(program), sink, overtime);
  files_.clear();
  if (ran.outcome.ended != pool::Ended::lost) {
    const auto collected = co_await execution::collect_files(*lease_, sink, after(time_to_collect));
    if (!collected) log_warning("files of the run are lost");
  }
  const pool::Outcome& outcome = ran.outcome;
  result["exit_code"] = outcome.exit_code;
  if (outcome.ended == pool::Ended::signalled) result["exit_code"] = 128 + outcome.signal;
  if (outcome.ended == pool::Ended::timed_out) result["exit_code"] = 124;
  if (outcome.ended == pool::Ended::out_of_memory) result["exit_code"] = 137;
  if (outcome.ended == pool::Ended::interrupted) result["exit_code"] = 130;
  if (outcome.ended == pool::Ended::lost) result["exit_code"] = 1;
  result["stdout"] = repaired(sink.out);
  result["stderr"] = execution::explain(repaired(sink.err), outcome, limit);
  result["execution_time_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(outcome.wall_time).count();
  result["signal"] = outcome.signal;
  result["timed_out"] = outcome.ended == pool::Ended::timed_out;
  result["oom"] = outcome.ended == pool::Ended::out_of_memory;
  co_return answer(200, result);
}

awaitable<net::Response> Runner::cancel() {
  const std::shared_ptr<Use> use = use_.lock();
  if (!use) co_return refusal(409, "No program runs");
  if (use->keeps_pod()) {  // whoever follows it passes it on
    interrupted_ = true;
    changes_.announce();
    co_return answer(200, {});
  }
  pool::Word word = pool::Interrupt();
  co_await lease_->tell(std::move(word));
  co_return answer(200, {});
}

}  // namespace ci::runner
