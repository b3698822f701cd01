#include "app/server/application.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <thread>

#include "app/server/banner.h"
#include "app/server/compose.h"
#include "app/server/interpreters.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/version.h"
#include "languages/language.h"
#include "metrics/timed_stores.h"
#include "pages/pages.h"
#include "pool/open.h"
#include "pool/open_pods.h"

namespace ci::app {

namespace {

// SQLite, file bodies and directory walks: mostly waiting for a disk.
unsigned blocking_threads() { return std::max(4u, 2 * std::thread::hardware_concurrency()); }

// Answers that were computed in time may still have to be sent.
constexpr std::chrono::seconds time_to_send{5};

constexpr std::chrono::seconds between_looks_at_interpreters{20};
constexpr std::chrono::milliseconds between_looks_for_a_pause{20};

// A database is slow with values that fill many of its pages.
constexpr std::uint64_t large_state = 256 << 10;

}  // namespace

Application::Application(const Settings& settings, std::filesystem::path data, UniqueFd link)
    : settings_(settings),
      data_(std::move(data)),
      link_descriptor_(std::move(link)),
      server_(
          context_.get_executor(), server_settings(settings_),
          [this](net::Request& request) { return service_->handle(request); }),
      observation_(settings_),
      news_(context_.get_executor(), Deadline::max()),
      tasks_(context_.get_executor()) {
  if (const auto wanted = metrics_server_settings(settings_)) {
    metrics_server_.emplace(
        context_.get_executor(), *wanted, [this](net::Request& request) { return observation_.answer(request); });
  }
}

Application::~Application() = default;

void Application::build() {
  keys_ = resolve_keys(settings_, data_);
  blocking_.emplace(blocking_threads());
  records_ = metrics::timed(open_records(), settings_.redis.chosen() ? "redis" : "sqlite", observation_.figures());
  bodies_ = metrics::timed(
      open_bodies(settings_, data_, context_.get_executor(), *blocking_), settings_.s3.chosen() ? "s3" : "disk",
      observation_.figures());
  api_keys_.emplace(keys_.accepted);
  managed_keys_.emplace(*records_);
  access::RunPlacesSettings places;
  places.shared = settings_.redis.chosen();
  run_places_.emplace(context_.get_executor(), *records_, places);
  if (settings_.tokens.chosen()) tokens_.emplace(settings_.tokens);
  sessions_.emplace(*records_, session_settings(settings_));
  files_.emplace(*records_, *bodies_);
  cleanup_.emplace(*records_, *bodies_, *files_, cleanup_settings(settings_));
  link_.emplace(context_.get_executor(), std::move(link_descriptor_));
  if (is_kubernetes(settings_)) {
    pool_ = pool::open_pods(context_.get_executor(), *blocking_, kubernetes_settings(settings_, data_));
  } else {
    pool_ = pool::open_pool(
        context_.get_executor(), *blocking_, pool_settings(settings_), [this] { return link_->next(); });
  }
  state::StateSettings kept = state_settings(settings_);
  // Others who share the records find all of a state there.
  if (!settings_.redis.chosen()) kept.large = large_state;
  state::TurnSettings turns;
  turns.shared = settings_.redis.chosen();
  turns_.emplace(context_.get_executor(), *records_, turns);
  states_.emplace(*records_, *bodies_, *blocking_, *turns_, kept);
  cleanup_->run_in_turn([this](std::string session, files::Cleanup::Work work) {
    return clean_up_in_turn(std::move(session), std::move(work));
  });
  cleanup_->on_removal([this](std::string session) { return states_->forget(std::move(session), cleaning_); });
  execution::ExecutionSettings runs = execution_settings(settings_);
  runs.spool_directory = data_;
  executions_.emplace(*pool_, *sessions_, *files_, *blocking_, runs);
  executions_->keep_states(*states_, *turns_);
  observation_.begin(context_.get_executor(), *records_, *pool_, data_, *blocking_);
  execution::RunsSettings recorded;
  recorded.hash_code = !settings_.audit_file.empty();
  runs_.emplace(context_.get_executor(), *executions_, observation_.recorder(), recorded);
  observation_.figures().registry().gauge(
      "kubecoderun_runs_active", "Runs that have not ended.", {},
      [this](const metrics::Emit& emit) { emit({}, static_cast<double>(executions_->running())); });
  service_ = std::make_unique<api::Service>(
      *executions_, *runs_, *sessions_, *files_, *states_, *api_keys_, *pool_, *blocking_, api_settings(settings_));
  service_->manage_keys(*managed_keys_, *run_places_);
  service_->observe(observation_.observed());
  if (tokens_) service_->accept(*tokens_);
  const std::string records_name = settings_.redis.chosen() ? "Redis" : "the database";
  const std::string bodies_name = settings_.s3.chosen() ? "the store at " + settings_.s3.endpoint : "the disk";
  store_watch_.emplace(*records_, records_name, *bodies_, bodies_name, [this](bool ready, std::string reason) {
    service_->set_ready(ready, std::move(reason));
  });
  libraries_.emplace(*pool_, *blocking_, library_places(settings_));
  service_->add("GET", "/libraries", {}, [this](net::Request& request) { return libraries_->list(request); });
  add_checks();
  add_pages();
}

void Application::add_pages() {
  api::Route open;
  open.who = api::Who::anybody;
  const auto documentation = settings_.docs ? pages::Documentation::served : pages::Documentation::none;
  for (pages::PageRoute& page : pages::routes(documentation))
    service_->add("GET", page.pattern, open, std::move(page.handler));
}

void Application::add_checks() {
  // Under these names whatever is behind them, which the details tell: whoever watches us asks for them.
  api::HealthCheck records("redis", std::chrono::milliseconds(1000), [this] { return records_->facts(); });
  if (settings_.redis.chosen()) records.details["address"] = store::describe(settings_.redis);
  api::HealthCheck bodies("minio", std::chrono::milliseconds(2000), [this] { return bodies_->facts(); });
  if (settings_.s3.chosen()) {
    bodies.details["endpoint"] = settings_.s3.endpoint;
    bodies.details["bucket"] = settings_.s3.bucket;
    bodies.details["secure"] = settings_.s3.secure;
  }
  service_->add_check(std::move(records));
  service_->add_check(std::move(bodies));
}

std::unique_ptr<store::KeyValueStore> Application::open_records() {
  if (settings_.redis.chosen()) return store::open_redis(context_.get_executor(), settings_.redis);
  log_info("records are kept on this machine", {{"directory", (data_ / "records").string()}});
  return store::open_sqlite(data_ / "records", *blocking_);
}

awaitable<void> Application::stop() {
  service_->set_stopping();
  co_await drain(after(settings_.drain));
  const auto left = signals_ > 1 ? std::chrono::seconds(0) : time_to_send;
  co_await server_.stop(after(left));
  if (metrics_server_) co_await metrics_server_->stop(after(std::chrono::seconds(0)));
  co_await runs_->stop();
  co_await run_places_->stop();
  co_await pool_->stop();
  co_await tasks_.stop();
  co_await observation_.finish();
  try {
    co_await managed_keys_->limiter.flush();
  } catch (const Failure& failure) {
    log_warning("how often keys were used in the last second is lost", {{"reason", failure.what()}});
  }
  co_await turns_->stop();
  // The stores close when they are destroyed, last of all.
}

int Application::run() {
  build();
  std::exception_ptr failure;
  asio::co_spawn(context_, serve(), [&](std::exception_ptr error) { failure = error; });
  context_.run();
  blocking_->join();
  if (failure) std::rethrow_exception(failure);
  if (failure_) std::rethrow_exception(failure_);
  return 0;
}

awaitable<void> Application::serve() {
  tasks_.spawn("signals", watch_signals());
  tasks_.spawn("listener", server_.run());
  if (metrics_server_) tasks_.spawn("metrics listener", metrics_server_->run());
  tasks_.spawn("start", start());
  tasks_.spawn("clean-up", clean_up_regularly());
  if (settings_.state) tasks_.spawn("state archive", archive_regularly());
  co_await wait_for_stop();
  log_info("stopping", {{"running", executions_->running()}});
  co_await stop();
  log_info("stopped");
}

awaitable<void> Application::start() {
  try {
    co_await store_watch_->wait_until_reachable();
    co_await show_keys();
    tasks_.spawn("uses of keys", write_key_uses());
    tasks_.spawn("history", observation_.work());
    if (observation_.traces()) tasks_.spawn("traces", observation_.send_traces());
    if (!settings_.pool_warm_up) service_->set_ready(true);
    co_await pool_->warm_up();
    if (pool_->languages().empty()) {
      throw Failure(FailureKind::unavailable, "no language can be run here; `kubecoderun doctor` says how to add some");
    }
    check_languages();
    service_->set_ready(true);
    announce();
    if (!is_kubernetes(settings_)) watch_this_machine();
    co_await store_watch_->keep_watching();
  } catch (const Failure& failure) {
    if (signals_ > 0) co_return;
    if (settings_.debug) {
      log_warning("started although a check failed", {{"reason", failure.what()}});
      service_->set_ready(true);
      co_return;
    }
    log_error("cannot start", {{"reason", failure.what()}});
    failure_ = std::current_exception();
    news_.cancel();
  }
}

// What sandboxes of this machine are made of changes with its packages.
void Application::watch_this_machine() {
  const PreparationPlaces places{runtimes_directory(settings_), data_ / prepared_directory, programs_root(settings_)};
  preparer_.emplace(places, pool_->languages(), [this] { return renew_sandboxes(); });
  tasks_.spawn("preparations", preparer_->keep_current());
  tasks_.spawn("interpreters", watch_interpreters());
}

// Who names a language wants it: one that cannot run here would be missed only when the first user does.
void Application::check_languages() const {
  const std::vector<std::string> offered = pool_->languages();
  std::string lost;
  for (const std::string& name : settings_.languages) {
    const std::string code(languages::find(name)->code);
    if (std::ranges::find(offered, code) == offered.end()) lost += (lost.empty() ? "" : ", ") + code;
  }
  if (lost.empty()) return;
  throw Failure(
      FailureKind::invalid,
      "LANGUAGES: " + lost +
          " cannot run here; `kubecoderun doctor` says what is missing. Install that, or leave it out");
}

awaitable<void> Application::clean_up_regularly() {
  for (;;) {
    co_await sleep_for(settings_.cleanup_interval);
    try {
      co_await cleanup_->sweep_if_due(settings_.cleanup_interval);
    } catch (const Failure& failure) {
      log_error("clean-up failed", {{"reason", failure.what()}});
    }
  }
}

// A state that is uploaded brings an expired session back to life, in the same turn.
awaitable<void> Application::clean_up_in_turn(std::string session, files::Cleanup::Work work) {
  cleaning_ = co_await turns_->take_to_write(session);
  std::exception_ptr failure;
  try {
    co_await work();
  } catch (...) {
    failure = std::current_exception();
  }
  cleaning_ = state::Turns::Turn();
  if (failure) std::rethrow_exception(failure);
}

awaitable<void> Application::archive_regularly() {
  if (settings_.state_archive && settings_.state_archive_after >= settings_.state_ttl) {
    log_warning("no state will ever be archived: STATE_ARCHIVE_AFTER_SECONDS is not below STATE_TTL_SECONDS");
  }
  for (;;) {
    co_await sleep_for(settings_.state_archive_interval);
    try {
      const int archived = co_await states_->archive_some();
      if (archived > 0) log_info("states archived", {{"count", archived}});
    } catch (const Failure& failure) {
      log_error("archiving states failed", {{"reason", failure.what()}});
    }
  }
}

// For whoever lists keys. Those that were taken out of the environment are removed: nobody must take them for valid.
awaitable<void> Application::show_keys() {
  std::vector<std::string> keys;
  for (const std::string& entry : keys_.accepted) keys.push_back(access::named_key(entry).key);
  co_await managed_keys_->records.show_environment(std::move(keys));
}

awaitable<void> Application::write_key_uses() {
  bool failing = false;
  for (;;) {
    co_await sleep_for(std::chrono::seconds(1));
    std::string reason;
    try {
      co_await managed_keys_->limiter.flush();
    } catch (const Failure& failure) {
      reason = failure.what();
    }
    if (!reason.empty() && !failing) log_warning("how often keys are used cannot be written", {{"reason", reason}});
    failing = !reason.empty();
  }
}

// What waits in memory is of before an update, and would load what it lacks from after it.
awaitable<void> Application::watch_interpreters() {
  const auto look = [this] {
    return interpreters_as_they_are(
        pool_->languages(), programs_root(settings_), packages_directory(settings_), package_sets_directory(settings_));
  };
  std::string known = co_await on_pool(*blocking_, look), seen = known;
  for (;;) {
    co_await sleep_for(between_looks_at_interpreters);
    const std::string now = co_await on_pool(*blocking_, look);
    const bool settled = now == seen;  // an update takes a while
    seen = now;
    if (now == known || !settled) continue;
    log_info("interpreters or their libraries were updated: what waits is made anew");
    co_await renew_sandboxes();
    executions_->forget_compiled();
    known = now;
  }
}

// In a moment in which no program runs: with what waits, what runs would go.
awaitable<void> Application::renew_sandboxes() {
  while (executions_->running() > 0) co_await sleep_for(between_looks_for_a_pause);
  link_->renew();
}

awaitable<void> Application::watch_signals() {
  asio::signal_set signals(co_await asio::this_coro::executor, SIGTERM, SIGINT);
  for (;;) {
    co_await signals.async_wait(asio::use_awaitable);
    ++signals_;
    news_.cancel();
  }
}

awaitable<void> Application::wait_for_stop() {
  while (signals_ == 0 && !failure_) {
    boost::system::error_code woken;
    co_await news_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

// Until nothing runs, the deadline passes or we are asked a second time.
awaitable<void> Application::drain(Deadline deadline) {
  constexpr std::chrono::milliseconds between_looks{50};
  while (executions_->running() > 0 && std::chrono::steady_clock::now() < deadline && signals_ < 2) {
    co_await sleep_for(between_looks);
  }
}

void Application::announce() {
  BannerFacts facts;
  facts.version = version();
  facts.host = settings_.host;
  facts.port = server_.port();
  facts.tls = settings_.https;
  facts.languages = pool_->languages();
  facts.authentication = settings_.authentication;
  if (!keys_.generated.empty()) {
    facts.generated_key = keys_.accepted.front();
    facts.key_file = keys_.generated;
  }
  announce_ready(facts);
}

}  // namespace ci::app
