#pragma once
// The read-only root that all sandboxes of a host share: /usr of the host or of another tree (SANDBOX_ROOT), a made-up /etc, the harmless
// devices, our runtimes. Built once by sandboxd in its own mount namespace; sandboxes get copies of that namespace and cannot
// unmount or change what they inherit (mount_namespaces(7), "locked").

#include <filesystem>
#include <map>
#include <string>

#include "base/unique_fd.h"
#include "sandbox/settings.h"

namespace ci::sandbox {

// A detached, read-only copy of the mount tree at `path`, to be attached elsewhere: directories above it no longer matter.
// Fails when the caller may not go there or may not mount.
UniqueFd take_tree(const std::filesystem::path& path);

// The same to be written to.
UniqueFd take_writable(const std::filesystem::path& path);

// The content of `directory`/made, to be attached like that. Who sees the mount is not told where it comes from. It does not follow
// what happens in there afterwards. Nothing of the path's last parts is followed when it is a link. Fails as take_tree does, and
// where the kernel has no overlays.
UniqueFd take_prepared(const std::filesystem::path& directory);

// Leaves the calling process in the new root, with nothing of the host's file systems reachable beside it.
// Called in a fresh mount and pid namespace, with all capabilities in the owning user namespace.
// `trees` are those of settings.runtimes, settings.prepared, settings.packages and settings.root, taken by somebody who may go there. Programs
// are not told where they come from, except where the kernel has no overlays.
struct OurTrees {
  UniqueFd runtimes, prepared, packages;  // the last two may be missing
  std::map<std::string, UniqueFd> sets;   // of packages, by name: for others (package_set.h), which get a place here
  UniqueFd root;                          // whose /usr it is; missing: this host's
  UniqueFd output;                        // of take_writable(), with its name below /prepared (workshop.h)
  std::string output_name;
};
void enter_template_root(const SandboxdSettings& settings, OurTrees& trees);

// For roots that are made of that one.

void attach(const UniqueFd& mount, const std::filesystem::path& target);

// The same tree without the path that it has on this host. `place` and `empty` are directories of ours: the tree is attached in the
// first for a moment. Where the kernel has no overlays it stays as it is.
UniqueFd without_path(
    const UniqueFd& tree, const char* name, const std::filesystem::path& place, const std::filesystem::path& empty);

// In the place where sandboxes have the user's, for zygotes to start with.
void make_empty_scripts(const std::filesystem::path& workspace);

}  // namespace ci::sandbox
