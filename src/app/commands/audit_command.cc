#include "app/commands/audit_command.h"

#include <fmt/format.h>

#include <fstream>

#include "base/failure.h"
#include "metrics/audit_log.h"

namespace ci::app {

int verify_audit(const Settings& settings, const std::string& file) {
  const std::string path = file.empty() ? settings.audit_file : file;
  if (path.empty()) throw Failure(FailureKind::invalid, "which file? Name it, or set AUDIT_LOG_FILE");
  std::ifstream stream(path);
  if (!stream) throw Failure(FailureKind::invalid, fmt::format("{} cannot be read", path));
  const metrics::AuditVerdict verdict = metrics::verify(stream);
  if (verdict.problem.empty()) {
    fmt::print("{}: {} lines, all in order. Hash of the last: {}\n", path, verdict.lines, verdict.last_hash);
    return 0;
  }
  fmt::print(stderr, "{}: {}. The {} lines before are in order\n", path, verdict.problem, verdict.lines);
  return 1;
}

}  // namespace ci::app
