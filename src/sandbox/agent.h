#pragma once
// Process 1 of a sandbox: our code, forked from sandboxd, not exec'd. It finishes the sandbox, starts or adopts the
// guest, places input files, keeps the time, kills, reaps, and hands out what is left in the workspace.

#include <array>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "os/cgroup.h"
#include "sandbox/compile.h"
#include "sandbox/guest/guest.h"
#include "sandbox/guest/seccomp_filter.h"
#include "sandbox/isolation.h"
#include "sandbox/memory_watch.h"
#include "sandbox/settings.h"

namespace ci::sandbox {

// What it says to the guest and hears from it is in guest/words.h. It never waits for a guest that may be the user's code: until
// everything is killed it only polls, and what it reads is bounded.

// How the guest comes to be.
enum class Birth {
  launched,  // the agent forks it: it waits, then becomes the command
  started,   // the agent forks it: it becomes the command now, and the command waits
  adopted,   // a zygote forks it into our namespaces
};

struct AgentPlan {
  Birth birth = Birth::launched;
  std::vector<std::string> command;      // launched, started: argv; empty otherwise
  std::vector<std::string> environment;  // "NAME=value"
  CompilePlan compile;                   // launched: before the command; or nothing
  std::string source_name;               // "code.py"; where the program's text is put, never handed out
  uid_t agent_uid = 0;                   // inside; the guest's where only one uid is mapped
  Isolation isolation;
  size_t zygote = 0;  // contained, adopted: which of those that `command` starts
  GuestLimits limits;
  std::uint64_t memory_bytes = 0;        // of the program, where its compiler may have more
  std::uint64_t first_memory_bytes = 0;  // of that
  std::uint64_t processes = 0;           // where nothing else counts them
  std::uint64_t workspace_bytes = 0, tmp_bytes = 0, workspace_files = 0;
  std::string hostname;
};

// Descriptors the agent owns from the fork on.
struct AgentDescriptors {
  UniqueFd control;                // messages with the server
  UniqueFd out, err;               // what the guest writes to
  UniqueFd go;                     // our end towards the guest, a socket that receives nothing
  UniqueFd said;                   // what the guest says, a pipe
  UniqueFd guest_go, guest_said;   // the guest's ends
  UniqueFd mapped;                 // end of file once sandboxd has written the id maps
  UniqueFd finished;               // a byte from us once the mounts stand; zygotes wait for it
  std::vector<int> cgroup;         // join descriptors, owned by the os::Cgroup
  std::vector<int> memory_limits;  // as are these; see there
  MemoryFiles memory;
  os::Freezer freezer;  // as is this
};

// Never returns; never throws. What fails before the guest is ready is told to the server.
[[noreturn]] void run_agent(const AgentPlan& plan, AgentDescriptors descriptors, const SeccompFilter& filter) noexcept;

}  // namespace ci::sandbox
