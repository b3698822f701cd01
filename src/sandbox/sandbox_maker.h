#pragma once
// The part of sandboxd that does the work, as root of its own namespaces: serves the server's requests for sandboxes, keeps
// zygotes, and reaps.

#include <optional>

#include "base/unique_fd.h"
#include "os/cgroup.h"
#include "sandbox/id_maps.h"
#include "sandbox/isolation.h"
#include "sandbox/settings.h"
#include "sandbox/template_root.h"

namespace ci::sandbox {

struct MakerParts {
  UniqueFd socket;  // to the server
  IdRange range = IdRange::single;
  std::optional<os::CgroupTree> cgroups;
  OurTrees trees;
  Isolation isolation;
  bool counts_are_ours = false;  // the kernel's counts of all sandboxes are not those of whoever started us
};

// Returns when the server is gone. With the calling process the kernel ends every sandbox, and only then can their control groups
// go: nothing is destroyed here. Fails before the first sandbox with a sentence that says what this host lacks.
void make_sandboxes(const SandboxdSettings& settings, MakerParts parts);

}  // namespace ci::sandbox
