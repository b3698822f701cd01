#pragma once
// What there is to look at on a host, each part by itself.

#include <filesystem>

#include "app/commands/doctor/finding.h"
#include "app/settings/settings.h"

namespace ci::app {

// What of the kernel sandboxes are made of. Tries things in child processes. `cgroups_optional`: the operator accepts sandboxes that
// are not limited as a whole. Returns whether sandboxes get users of their own, who are not whom our files belong to.
bool examine_kernel(Findings& findings, bool cgroups_optional);

struct Files {
  std::filesystem::path runtimes;  // ours for the inside of sandboxes; empty: they were not found
  std::filesystem::path prepared;  // what a server made anew of them
  bool own_ids = true;             // as examine_kernel says
};
// The languages that can be offered, and what makes them quick.
void examine_languages(Findings& findings, const Files& files);

// Says where records and the bodies of files are kept; when that is another server, whether it answers.
void examine_stores(Findings& findings, const Settings& settings);

}  // namespace ci::app
