#pragma once
// Who the HTTP server is. Started as root it becomes an unprivileged user before it reads a byte of a request; what it
// needs until then (the listening socket, a certificate, the data directory) is prepared here.

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ci::app {

struct Account {
  uid_t user = 0;
  gid_t group = 0;
  std::string name;  // for messages
};

// The account to run as: ourselves unless we are root; else `wanted` (a name or a number), else the user
// "kubecoderun" when it exists, else number 65531. An unknown name fails as `invalid`.
Account server_account(const std::string& wanted);

// Who started us as root by way of sudo; nothing when nobody did.
std::optional<Account> starter();

// Makes the data directory (mode 0700) when there is none. Returns its absolute path.
std::filesystem::path make_data_directory(const std::filesystem::path& directory);

// Makes the data directory and gives it to `account`. A directory that holds other things is not taken
// over: fails as `invalid`. Returns its absolute path.
std::filesystem::path prepare_data_directory(const std::filesystem::path& directory, const Account& account);

// "prepared" in the data directory, see sandbox/settings.h: everybody who gets there may read it, and `account` may change it.
void make_prepared_directory(const std::filesystem::path& data, const Account& account);

// Makes the log file for `account`, which could not make one in a directory of root's. One that is there already must be the
// account's or empty: fails as `invalid`, naming `variable`. When we are not root it only has to be one that we can write.
void prepare_log_file(
    const std::filesystem::path& file, const Account& account, std::string_view variable = "LOG_FILE");

// Becomes `account` for good, and nothing regains privileges by exec. When a directory above one of `needed` keeps that
// account out (a home directory), we get our own view of the file system in which the way there is open and everything
// else in the closed directory is absent. Single-threaded processes only; nothing happens when we are not root.
void become(const Account& account, const std::vector<std::filesystem::path>& needed);

}  // namespace ci::app
