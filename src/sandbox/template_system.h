#pragma once
// What programs look up about the system they are on: users, certificates, its name, its processors. Files of our own where the host's
// would tell about the host.

#include <filesystem>
#include <string>
#include <vector>

#include "os/system_root.h"

namespace ci::sandbox {

// /etc: what is looked up by name. The guest itself, root, nobody; no name service, no host names but our own; the authorities that
// the distribution of `system` trusts, and none that only this host does.
void make_etc(const std::filesystem::path& etc, const std::string& hostname, const os::SystemRoot& system);

// What of a system's /etc programs see as it is: the configuration that runtimes read, none of which holds secrets. Paths below `etc`,
// those alone that are there. Some have the version of their program in their name, which is another on each release.
std::vector<std::filesystem::path> configuration_of(const std::filesystem::path& etc);

// /sys: the processors, as many as a program may use, each a core of its own. /proc/cpuinfo tells the rest of them.
void make_sys(const std::filesystem::path& sys);

// A file with that text.
void make_file(const std::filesystem::path& path, std::string_view text = {}, mode_t mode = 0644);

}  // namespace ci::sandbox
