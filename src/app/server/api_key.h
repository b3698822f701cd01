#pragma once
// The keys of the environment, or, when there are none, one that we make and keep.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/processes/privileges.h"
#include "app/settings/settings.h"

namespace ci::app {

struct Keys {
  std::vector<std::string> accepted;
  // The file that holds the only key; empty when the operator set keys.
  std::filesystem::path generated;
};

// API_KEY and API_KEYS; else the key in DATA_DIR/api_key, which is made (mode 0600) when it is not there.
Keys resolve_keys(const Settings& settings, const std::filesystem::path& data_directory);

// Lets `person`, who became root to start the server, read the key file, and nobody else beside the server's own account.
// `file` is directly in `data_directory`. Only for root, before the account has the directory's files open.
void let_read_key(
    const Account& person, const Account& server, const std::filesystem::path& data_directory,
    const std::filesystem::path& file);

// A key with which a client on this machine may call: of the settings, else of that file. For bench.
std::optional<std::string> find_key(const Settings& settings);

}  // namespace ci::app
