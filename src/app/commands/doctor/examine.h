#pragma once
// What there is to look at on a host, each part by itself.

#include <filesystem>
#include <set>
#include <string>

#include "app/commands/doctor/finding.h"
#include "app/settings/settings.h"
#include "os/system_root.h"

namespace ci::app {

// What of the kernel sandboxes are made of, and what they will be made of (sandbox/isolation.h). Tries things in child processes.
// `allow_weak`: what the operator accepts. Returns whether sandboxes get users of their own, who are not whom our files belong to.
bool examine_kernel(Findings& findings, const std::set<std::string>& allow_weak);

struct Files {
  std::filesystem::path runtimes;  // ours for the inside of sandboxes; empty: they were not found
  std::filesystem::path prepared;  // what a server made anew of them
  os::SystemRoot system;           // that programs see
  bool own_ids = true;             // as examine_kernel says
};
// The system that programs see, where it is not this host's (SANDBOX_ROOT).
void examine_root(Findings& findings, const Settings& settings);

// The languages that can be offered, and what makes them quick.
void examine_languages(Findings& findings, const Files& files);

// The operator's own packages, where there are any.
void examine_own_packages(Findings& findings, const Settings& settings);

// Says where records and the bodies of files are kept; when that is another server, whether it answers.
void examine_stores(Findings& findings, const Settings& settings);

}  // namespace ci::app
