#include "app/commands/doctor/doctor.h"

#include <algorithm>

#include "app/commands/doctor/examine.h"
#include "app/commands/doctor/report.h"
#include "app/server/compose.h"
#include "app/server/preparations.h"

namespace ci::app {

int doctor(bool as_json, const Settings& settings) {
  Findings findings;
  Files files;
  files.own_ids = examine_kernel(findings, {settings.allow_weak.begin(), settings.allow_weak.end()});
  files.prepared = settings.data_directory / prepared_directory;
  files.system = programs_root(settings);
  try {
    files.runtimes = runtimes_directory(settings);
  } catch (const std::exception& error) {
    findings.add(
        "Languages", "our files for the inside of sandboxes", false, error.what(), "no sandbox can be made",
        "set RUNTIMES_DIR, or start the program where it was built or installed");
  }
  examine_root(findings, settings);
  examine_languages(findings, files);
  examine_own_packages(findings, settings);
  examine_stores(findings, settings);

  const bool usable =
      std::ranges::none_of(findings.all(), [](const Finding& finding) { return finding.verdict == Verdict::missing; });
  if (as_json) {
    print_as_json(findings.all(), usable);
  } else {
    print_for_people(findings.all(), usable);
  }
  return usable ? 0 : 1;
}

}  // namespace ci::app
