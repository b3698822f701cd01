#include <fmt/format.h>

#include "app/commands/doctor/examine.h"
#include "app/server/compose.h"
#include "base/failure.h"

namespace ci::app {

void examine_root(Findings& findings, const Settings& settings) {
  const os::SystemRoot system = programs_root(settings);
  if (system.is_host()) return;
  std::string trouble;
  try {
    check_root(settings);
  } catch (const Failure& failure) {
    trouble = failure.what();
  }
  findings.add(
      "System of programs", "SANDBOX_ROOT", trouble.empty(),
      trouble.empty() ? fmt::format("{} in {}", system.pretty_name(), system.directory().string()) : trouble,
      "a server does not start", "see above; docs/running.md says how a tree is made");
}

}  // namespace ci::app
