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
#include "sandbox/settings.h"

namespace ci::sandbox {

// What guest and agent say on the guest's descriptor 3, a stream socket: the guest writes 'R' and its process id as
// the sandbox numbers it (4 bytes, little endian) when it is ready; the agent writes 'G', the arguments, each ended by NUL,
// and the end of its side. A language with a compile limit then writes 'C' when its program is compiled and about to run:
// that starts the program's own time. A guest that reads the end without a 'G' just exits.
// A guest that the agent launched and whose language compiles is first told 'B': it makes the program, writes 'C', and
// only then hears 'G'. Instead of 'C' it says 'K' when the compiler had nothing to say, so that its program may be kept.
// Where the program is there already it hears 'G' at once.
//
// Descriptors that come with the first word are those of a session's state: a memory file to write to and, when there
// is one, the state to begin with. 'E' in place of 'G' asks for a state also of a program that failed. The guest may
// write 'X', the state cannot be read, and at the end 'S' with the program's exit status, a byte: its time stops, and
// what it writes until it exits, in a time of its own, is a note for the server. Nothing of this is believed: a guest that
// exits with another status, or not at all, has captured nothing.

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
  GuestLimits limits;
  std::uint64_t memory_bytes = 0;        // of the program, where its compiler may have more
  std::uint64_t workspace_bytes = 0, tmp_bytes = 0, workspace_files = 0;
  std::string hostname;
};

// Descriptors the agent owns from the fork on.
struct AgentDescriptors {
  UniqueFd control;        // messages with the server
  UniqueFd out, err;       // what the guest writes to
  UniqueFd go;             // our end towards the guest: it says ready, we say go
  UniqueFd guest_go;       // the guest's end
  UniqueFd mapped;         // end of file once sandboxd has written the id maps
  UniqueFd finished;       // a byte from us once the mounts stand; zygotes wait for it
  std::vector<int> cgroup; // join descriptors, owned by the os::Cgroup
  std::vector<int> memory_limits;  // as are these; see there
  int oom_events = -1, peak_memory = -1;
};

// Never returns; never throws. What fails before the guest is ready is told to the server.
[[noreturn]] void run_agent(const AgentPlan& plan, AgentDescriptors descriptors, const SeccompFilter& filter) noexcept;

}  // namespace ci::sandbox
