#pragma once
// A system that programs see in the place of the host's (SANDBOX_ROOT): a directory with the files of another release, as mmdebstrap,
// debootstrap or an unpacked image leave them. Its languages are those that are offered, and what is prepared for them is made of its
// files. Nothing of it is started outside of sandboxes' namespaces.

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "os/system_root.h"

namespace ci::sandbox {

// Why programs may not be given `root`, in words that say what to do; empty: they may, as they may this host's. It and the directories of
// its programs have to belong to root or to `owner`, nobody else may write to them, and what every program needs has to be there:
// a shell, this processor's C library, one that is new enough for our own parts in `runtimes`.
std::string root_trouble(const os::SystemRoot& root, const std::filesystem::path& runtimes, uid_t owner);

}  // namespace ci::sandbox
