#pragma once
// The settings of each part, drawn from those of the operator.

#include <filesystem>
#include <memory>

#include "api/libraries.h"
#include "api/settings.h"
#include "app/settings/settings.h"
#include "base/log.h"
#include "execution/settings.h"
#include "files/cleanup.h"
#include "files/session_files.h"
#include "files/sessions.h"
#include "net/server.h"
#include "os/system_root.h"
#include "pool/open.h"
#include "sandbox/settings.h"
#include "state/states.h"
#include "store/open.h"

namespace ci::app {

net::ServerSettings server_settings(const Settings& settings);
files::SessionSettings session_settings(const Settings& settings);
files::CleanupSettings cleanup_settings(const Settings& settings);
state::StateSettings state_settings(const Settings& settings);
execution::ExecutionSettings execution_settings(const Settings& settings);
api::ApiSettings api_settings(const Settings& settings);
pool::PoolSettings pool_settings(const Settings& settings);

// Whether sandboxes are those of a container that is itself the boundary (sandbox/isolation.h): they come one after the other.
bool is_contained(const Settings& settings);

// Whether programs run in pods of a cluster: because EXECUTOR says so, or since we are in a cluster and K8S_… settings are there.
bool is_kubernetes(const Settings& settings);
pool::KubernetesSettings kubernetes_settings(const Settings& settings, const std::filesystem::path& data);

// Certificate and key that cannot be used fail as `invalid`, naming the variable. Nothing without HTTPS.
void check_certificate(const Settings& settings);

// An unknown language, or a runtimes directory or a root of programs that is missing or of no use, fails as `invalid`, naming the variable.
sandbox::SandboxdSettings sandboxd_settings(const Settings& settings);

// Where the bodies of files are kept: S3 when an endpoint is set, else below `data`. Says so in the log.
std::unique_ptr<store::ObjectStore> open_bodies(
    const Settings& settings, const std::filesystem::path& data, asio::any_io_executor executor,
    asio::thread_pool& pool);

// Where our files for the inside of sandboxes are: RUNTIMES_DIR; else "runtimes" beside the program, else
// ../share/kubecoderun/runtimes from there.
std::filesystem::path runtimes_directory(const Settings& settings);

// The system that programs see: that of SANDBOX_ROOT, else this host's. Whoever says what programs will find looks there.
os::SystemRoot programs_root(const Settings& settings);
// Fails as `invalid` where that is no root that programs may be given (sandbox/other_root.h).
void check_root(const Settings& settings);

// Where packages for programs beside those of the system are: SANDBOX_PACKAGES, else beside the data directory. It need not be there.
std::filesystem::path packages_directory(const Settings& settings);

// Those that programs are given: none where the directory is not there, or, with a warning in the log, where others than root and the server's
// user could change it.
std::filesystem::path usable_packages(const Settings& settings);

// The same of the sets of packages: the directory that has them, and those that programs are given. None where sandboxes have no root of
// their own.
std::filesystem::path package_sets_directory(const Settings& settings);
std::vector<std::string> usable_package_sets(const Settings& settings);

// Where programs find libraries. In pods they find no packages of this machine.
api::LibraryPlaces library_places(const Settings& settings);

// Fails as `invalid` where others could change any of these, and where a directory is named that is not there.
void check_packages(const Settings& settings);
// Fails as `invalid` where others could change that one.
void check_packages_in(const Settings& settings, const std::filesystem::path& directory);

// Whether nothing may be started from the file system there (mount option noexec).
bool forbids_programs(const std::filesystem::path& directory);

// For the process that calls it, which `logger` names. On a terminal it is text when the operator did not choose. LOG_FILE takes
// the place of stdout where `target` is the file: it has one writer.
LogSettings start_log(const LoadedSettings& settings, std::string logger, LogTarget target);

}  // namespace ci::app
