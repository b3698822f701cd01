#include "sandbox/template_system.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>

#include "base/sys.h"
#include "base/unique_fd.h"

namespace ci::sandbox {

namespace fs = std::filesystem;

namespace {

// Links into /usr, which the sandbox has, are those of the distribution. What else is there was made on this host, and its
// names are the host's own.
void make_certificates(const fs::path& target, const os::SystemRoot& system) {
  const fs::path certificates = "/etc/ssl/certs";
  std::error_code ignored;
  const fs::path there = system.find(certificates);
  if (!fs::is_directory(there, ignored)) return;
  fs::create_directories(target / "certs");
  const fs::path trusted = system.find("/usr/share/ca-certificates");
  for (const auto& entry : fs::directory_iterator(there, ignored)) {
    if (!entry.is_symlink(ignored)) continue;
    const fs::path named = fs::read_symlink(entry.path(), ignored);
    const fs::path real = fs::canonical(system.find(certificates / entry.path().filename()), ignored);
    const bool of_distribution = !ignored && real.native().starts_with(trusted.native() + "/");
    if (of_distribution)
      fs::create_symlink(
          named.is_absolute() ? named : fs::path(named.filename()), target / "certs" / entry.path().filename(),
          ignored);
  }
}

std::string mask_of(long processors) {
  std::string mask;  // groups of 32 bits, the highest first
  for (long group = (processors - 1) / 32; group >= 0; --group) {
    const long bits = std::min(32L, processors - group * 32);
    mask += fmt::format("{}{:08x}", mask.empty() ? "" : ",", bits == 32 ? 0xffffffffu : (1u << bits) - 1);
  }
  return mask;
}

}  // namespace

void make_file(const fs::path& path, std::string_view text, mode_t mode) {
  const UniqueFd file(sys(
      "making " + path.string(), [&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode); }));
  sys("writing " + path.string(), [&] { return ::write(file.get(), text.data(), text.size()); });
}

std::vector<fs::path> configuration_of(const fs::path& etc) {
  constexpr std::string_view names[] = {
      "alternatives",
      "fonts",
      "ld.so.cache",
      "ld.so.conf",
      "ld.so.conf.d",
      "localtime",
      "timezone",
      "mime.types",
      "matplotlibrc",
      "python3",
      "R",
      "php",
      "ldc2.conf",
      "libreoffice",
      "magic",
      "gai.conf",
      "protocols",
      "services",
      "inputrc",
      "perl",
      "locale.alias",
      "debian_version",
      "ssl/openssl.cnf",
      "ssl/certs/ca-certificates.crt"};
  constexpr const char* versioned[] = {"python3.[0-9]*", "java-[0-9]*-openjdk", "ImageMagick-[0-9]*"};
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const std::string_view name : names) {
    if (fs::exists(fs::symlink_status(etc / name, ignored))) found.emplace_back(name);
  }
  for (const auto& entry : fs::directory_iterator(etc, ignored)) {
    const fs::path name = entry.path().filename();
    const auto fits = [&](const char* pattern) { return ::fnmatch(pattern, name.c_str(), 0) == 0; };
    if (std::ranges::any_of(versioned, fits)) found.push_back(name);
  }
  return found;
}

void make_etc(const fs::path& etc, const std::string& hostname, const os::SystemRoot& system) {
  fs::create_directory(etc);
  make_file(
      etc / "passwd",
      "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
      "sandbox:x:65532:65532:sandbox:/tmp:/bin/bash\n"
      "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n");
  make_file(etc / "group", "root:x:0:\nsandbox:x:65532:\nnogroup:x:65534:\n");
  make_file(etc / "hosts", "127.0.0.1 localhost " + hostname + "\n::1 localhost\n");
  make_file(etc / "hostname", hostname + "\n");
  make_file(etc / "nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
  make_file(etc / "resolv.conf", "");
  fs::create_symlink("../usr/lib/os-release", etc / "os-release");
  make_certificates(etc / "ssl", system);
}

void make_sys(const fs::path& sys) {
  const long processors = std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN));
  const fs::path cpu = sys / "devices/system/cpu";
  fs::create_directories(cpu);
  const std::string all = processors == 1 ? "0\n" : fmt::format("0-{}\n", processors - 1);
  for (const char* name : {"online", "possible", "present"}) make_file(cpu / name, all);
  make_file(cpu / "offline", "\n");
  make_file(cpu / "kernel_max", fmt::format("{}\n", processors - 1));
  for (long i = 0; i < processors; ++i) {
    const fs::path topology = cpu / fmt::format("cpu{}", i) / "topology";
    fs::create_directories(topology);
    make_file(topology / "core_id", fmt::format("{}\n", i));
    make_file(topology / "physical_package_id", "0\n");
    std::string own(static_cast<std::size_t>((processors + 31) / 32) * 9 - 1, '0');  // as mask_of(), with one bit
    for (std::size_t at = 8; at < own.size(); at += 9) own[at] = ',';
    own[own.size() - 1 - static_cast<std::size_t>(i / 4 + i / 32)] = "1248"[i % 4];
    for (const char* name : {"thread_siblings", "core_cpus"}) make_file(topology / name, own + "\n");
    for (const char* name : {"thread_siblings_list", "core_cpus_list"})
      make_file(topology / name, fmt::format("{}\n", i));
    for (const char* name : {"core_siblings", "package_cpus"}) make_file(topology / name, mask_of(processors) + "\n");
    for (const char* name : {"core_siblings_list", "package_cpus_list"}) make_file(topology / name, all);
  }
}

}  // namespace ci::sandbox
