#include "metrics/audit_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "base/sha256.h"
#include "base/sys.h"
#include "base/time_text.h"
#include "base/unique_fd.h"

namespace ci::metrics {

namespace json = boost::json;

namespace {

constexpr std::chrono::seconds between_tries{1};
constexpr std::size_t most_waiting = 100000;

// What the line says of itself; nothing when it is none of ours.
struct Link {
  std::uint64_t number = 0;
  std::string previous;
};

std::optional<Link> link_of(const std::string& line) {
  boost::system::error_code error;
  const json::value value = json::parse(line, error);
  if (error || !value.is_object()) return std::nullopt;
  const json::value* number = value.get_object().if_contains("number");
  const json::value* previous = value.get_object().if_contains("previous");
  if (number == nullptr || !number->is_int64() || previous == nullptr || !previous->is_string()) return std::nullopt;
  Link link;
  link.number = static_cast<std::uint64_t>(number->get_int64());
  link.previous = previous->get_string();
  return link;
}

json::array describe(const std::vector<FileMark>& files) {
  json::array list;
  for (const FileMark& file : files) {
    json::object& entry = list.emplace_back(json::object()).as_object();
    entry["id"] = file.id;
    entry["sha256"] = file.sha256;
  }
  return list;
}

}  // namespace

std::string audit_line(const RunRecord& run, std::uint64_t number, const std::string& previous) {
  json::object line;
  line["number"] = static_cast<std::int64_t>(number);
  line["time"] = iso_time(run.begin);
  line["run_id"] = run.id;
  line["request_id"] = run.request_id;
  line["caller"] = run.owner;
  line["api_key_hash"] = run.key;
  line["session"] = run.session.empty() ? "" : sha256_hex(run.session).substr(0, 16);  // the id would open it
  line["language"] = run.language;
  line["code_sha256"] = run.code_hash;
  line["code_bytes"] = run.code_bytes;
  line["outcome"] = run.outcome;
  line["reason"] = run.reason;
  line["exit_code"] = run.exit_code;
  line["inputs"] = describe(run.inputs);
  line["outputs"] = describe(run.outputs);
  line["duration_ms"] = run.total_time.count() / 1000;
  line["peak_memory"] = run.peak_memory;
  line["previous"] = previous;
  return json::serialize(line);
}

AuditVerdict verify(std::istream& file) {
  AuditVerdict verdict;
  verdict.last_hash = no_audit_hash;
  std::string line;
  while (std::getline(file, line)) {
    const std::uint64_t number = verdict.lines + 1;
    const auto link = link_of(line);
    if (!link) {
      verdict.problem = fmt::format("line {} is no line of an audit log, or was cut", number);
    } else if (link->number != number) {
      verdict.problem =
          fmt::format("line {} says that it is number {}: lines are missing, or were added", number, link->number);
    } else if (link->previous != verdict.last_hash) {
      verdict.problem =
          fmt::format("line {} does not follow from the line before it: one of the two was changed", number);
    }
    if (!verdict.problem.empty()) return verdict;
    verdict.lines = number;
    verdict.last_hash = sha256_hex(line);
  }
  return verdict;
}

class AuditLog::Impl {
 public:
  explicit Impl(const std::filesystem::path& file) : path_(file.string()) {
    file_ = UniqueFd(sys("opening the audit log " + path_, [&] {
      return ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    }));
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
      throw Failure(
          FailureKind::invalid, "another server writes the audit log " + path_ + ": each needs one of its own");
    }
    go_on();
    writer_ = std::thread([this] { work(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    news_.notify_one();
    writer_.join();
  }

  void add(const RunRecord& run) {
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= most_waiting) {
        if (!full_) log_error("the audit log cannot be written: runs are not in it", {{"file", path_}});
        full_ = true;
        return;
      }
      full_ = false;
      waiting_.push_back(run);
    }
    news_.notify_one();
  }

 private:
  // A line that a crash cut was never whole: nothing follows from it.
  void drop_cut_line() {
    std::ifstream file(path_);
    std::string line;
    std::uintmax_t whole = 0;
    while (std::getline(file, line)) {
      if (!file.eof()) whole += line.size() + 1;
    }
    if (whole == std::filesystem::file_size(path_)) return;
    log_warning("the audit log ends with a line that was cut by a crash: it is removed", {{"file", path_}});
    sys("shortening the audit log", [&] { return ::ftruncate(file_.get(), static_cast<off_t>(whole)); });
  }

  // Finds the end of the chain.
  void go_on() {
    drop_cut_line();
    std::ifstream file(path_);
    const AuditVerdict verdict = verify(file);
    if (!verdict.problem.empty()) {
      throw Failure(
          FailureKind::invalid,
          fmt::format("the audit log {} is broken ({}): move it away, and a new one begins", path_, verdict.problem));
    }
    number_ = verdict.lines;
    last_ = verdict.last_hash;
  }

  void work() {
    for (;;) {
      std::deque<RunRecord> taken;
      {
        std::unique_lock lock(mutex_);
        news_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        taken.swap(waiting_);
      }
      write(taken);
    }
  }

  // All lines of a batch in one call: what a crash leaves is whole, or nothing.
  void write(const std::deque<RunRecord>& runs) {
    std::string text;
    for (const RunRecord& run : runs) {
      const std::string line = audit_line(run, ++number_, last_);
      last_ = sha256_hex(line);
      text += line + "\n";
    }
    std::size_t written = 0;
    bool told = false;
    while (written < text.size()) {
      const ssize_t count = ::write(file_.get(), text.data() + written, text.size() - written);
      if (count >= 0) {
        written += static_cast<std::size_t>(count);
        continue;
      }
      if (errno == EINTR) continue;
      if (!told) log_error("the audit log cannot be written", {{"file", path_}, {"errno", errno}});
      told = true;
      std::unique_lock lock(mutex_);
      if (stopping_) return;
      news_.wait_for(lock, between_tries, [&] { return stopping_; });
    }
    ::fdatasync(file_.get());
  }

  std::string path_;
  UniqueFd file_;
  std::uint64_t number_ = 0;
  std::string last_;
  std::mutex mutex_;
  std::condition_variable news_;
  std::deque<RunRecord> waiting_;
  bool stopping_ = false, full_ = false;
  std::thread writer_;
};

AuditLog::AuditLog(const std::filesystem::path& file) : impl_(std::make_unique<Impl>(file)) {}
AuditLog::~AuditLog() = default;
void AuditLog::record(const RunRecord& run) { impl_->add(run); }

}  // namespace ci::metrics
