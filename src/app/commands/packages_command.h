#pragma once
// `kubecoderun packages …`: packages for programs in the operator's own directory or in one of the sets (sandbox/own_packages.h; an empty name
// is the directory), with the tools of their languages on this host. Each returns the exit status.

#include <string>
#include <vector>

#include "app/settings/settings.h"

namespace ci::app {

// Installs `names`, as the tool of the language takes them ("pandas==2.2", "./a.tgz", "-i"), in a copy of what is there, which takes
// its place when all of it has worked. Programs that run meanwhile have what was there before.
int install_packages(
    const Settings& settings, const std::string& set, const std::string& language,
    const std::vector<std::string>& names);

// The same for taking them away again.
int remove_packages(
    const Settings& settings, const std::string& set, const std::string& language,
    const std::vector<std::string>& names);

// Prints what is there; of all languages when `language` is empty.
int list_packages(const Settings& settings, const std::string& set, const std::string& language, bool as_json);

}  // namespace ci::app
