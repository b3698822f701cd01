#pragma once
// Who ran what, for those who must be able to say so later: a JSON line for each run in a file that is only ever appended to. Each line
// holds the SHA-256 of the line before it, so that one that was changed, removed or put in between is found (verify()). It cannot say
// whether lines are missing at the end: keep the last hash elsewhere. Off unless a file is named.
//
// Lines are written by a thread of its own, in order; a run does not wait for the disk. When the disk fails, lines wait in memory and
// the log says so.

#include <cstdint>
#include <filesystem>
#include <istream>
#include <memory>
#include <string>

#include "metrics/run_record.h"

namespace ci::metrics {

class AuditLog final : public RunRecorder {
 public:
  // Goes on with the file's chain, or begins one; a last line that was cut by a crash is removed. Fails when the file cannot be
  // used, or its chain is broken.
  explicit AuditLog(const std::filesystem::path& file);
  // Writes what waits.
  ~AuditLog() override;
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  void record(const RunRecord& run) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// What a look through such a file finds.
struct AuditVerdict {
  AuditVerdict() = default;
  std::uint64_t lines = 0;  // that are in order, from the beginning
  std::string last_hash;    // of the last of these
  std::string problem;      // empty: all of it is in order
};
AuditVerdict verify(std::istream& file);

// The line of a run after a line with this hash. Pure.
std::string audit_line(const RunRecord& run, std::uint64_t number, const std::string& previous);

// What the first line of a file has in place of a hash.
inline const std::string no_audit_hash(64, '0');

}  // namespace ci::metrics
