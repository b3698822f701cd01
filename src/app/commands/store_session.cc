#include "app/commands/store_session.h"

#include <fmt/format.h>
#include <unistd.h>

#include "app/processes/privileges.h"
#include "app/server/observation.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/run_until.h"
#include "metrics/shared_history.h"
#include "metrics/sqlite_history.h"
#include "store/open.h"

namespace ci::app {

namespace fs = std::filesystem;

namespace {

// SQLite makes files beside the database: somebody else's would keep the server out.
void check_place(const fs::path& file) {
  std::error_code error;
  if (fs::exists(file, error) && ::access(file.c_str(), R_OK | W_OK) == 0) return;
  const bool hidden = error || ::access(file.parent_path().c_str(), X_OK) != 0 || fs::exists(file, error);
  if (hidden && fs::exists(file.parent_path().parent_path(), error)) {
    throw Failure(
        FailureKind::invalid,
        fmt::format("{} is not open to this user: call this command as root or as the server's user", file.string()));
  }
  throw Failure(
      FailureKind::invalid,
      fmt::format("there is no {}: is DATA_DIR that of a server, and has it been started?", file.string()));
}

}  // namespace

StoreSession::StoreSession(const Settings& settings) : settings_(settings) {
  // What commands print is the answer; of the log only what is amiss.
  LogSettings quiet;
  quiet.level = LogLevel::warning;
  quiet.format = LogFormat::text;
  configure_log(quiet);
  if (settings.redis.chosen()) {
    records_ = store::open_redis(context_.get_executor(), settings.redis);
    return;
  }
  data_ = fs::absolute(settings.data_directory).lexically_normal();
  if (fs::exists(data_)) become(server_account(settings.server_user), {data_});
  check_place(data_ / "records" / "records.sqlite3");
  records_ = store::open_sqlite(data_ / "records", blocking_);
}

StoreSession::~StoreSession() { blocking_.join(); }

metrics::History& StoreSession::history() {
  if (history_) return *history_;
  if (settings_.redis.chosen()) {
    history_ = metrics::open_shared_history(*records_, retention(settings_));
  } else {
    const fs::path file = history_file(settings_, data_);
    if (!settings_.history) {
      throw Failure(
          FailureKind::invalid, "this server keeps no history (SQLITE_METRICS_ENABLED=false); ask it for /metrics");
    }
    check_place(file);
    history_ = metrics::open_sqlite_history(file, blocking_, retention(settings_));
  }
  return *history_;
}

// Not until nothing is left to do: idle connections are watched.
void StoreSession::finish(const bool& done) {
  run_until(context_, [&] { return done; });
}

}  // namespace ci::app
