#include "sandbox/template_root.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/log.h"
#include "base/sys.h"
#include "base/unique_fd.h"
#include "languages/language.h"
#include "os/system_root.h"
#include "sandbox/own_packages.h"
#include "sandbox/template_system.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif

namespace ci::sandbox {

namespace fs = std::filesystem;

namespace {

enum class Access { read, write, device };

// A detached copy of a piece of the host's tree, to be attached once the new root stands.
struct Piece {
  fs::path target;
  UniqueFd mount;
  bool directory;
};

UniqueFd take(const fs::path& source, Access access) {
  const std::string doing = "taking " + source.string() + " into the sandbox root";
  UniqueFd mount(static_cast<int>(sys(doing, [&] {
    return ::syscall(
        SYS_open_tree, AT_FDCWD, source.c_str(), OPEN_TREE_CLONE | O_CLOEXEC | static_cast<unsigned>(AT_RECURSIVE));
  })));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_NOSUID | (access == Access::write ? 0 : MOUNT_ATTR_RDONLY) |
                        (access == Access::device ? 0 : MOUNT_ATTR_NODEV);
  attributes.propagation = MS_PRIVATE;
  sys(doing, [&] {
    return ::syscall(SYS_mount_setattr, mount.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes);
  });
  return mount;
}

void add_piece(std::vector<Piece>& pieces, const fs::path& source, const fs::path& target, Access access) {
  struct stat info{};
  if (source.empty() || ::stat(source.c_str(), &info) != 0) return;
  pieces.push_back({target, take(source, access), S_ISDIR(info.st_mode)});
}

// What programs see of a system, and where they see links in their root.
struct SystemPieces {
  std::vector<Piece> pieces;
  std::vector<std::pair<fs::path, fs::path>> links;
};

SystemPieces pieces_of(const os::SystemRoot& system) {
  SystemPieces result;
  add_piece(result.pieces, system.find("/usr"), "usr", Access::read);
  for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    const fs::path there = system.directory() / name;
    if (fs::is_symlink(there)) {
      result.links.emplace_back(name, fs::read_symlink(there));
    } else {
      add_piece(result.pieces, there, name, Access::read);
    }
  }
  for (const fs::path& name : configuration_of(system.find("/etc"))) {
    add_piece(result.pieces, system.find("/etc" / name), "etc" / name, Access::read);
  }
  add_piece(result.pieces, system.find("/var/cache/fontconfig"), "var/cache/fontconfig", Access::read);
  return result;
}

// A bind mount would show its path to every program, in /proc/self/mountinfo; an overlay shows the names that it was made with. It
// needs two directories.
UniqueFd overlay(const std::string& doing, const char* name, int above, int below) {
  const UniqueFd context(static_cast<int>(sys(doing, [] { return ::syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC); })));
  const auto configure = [&](unsigned command, const char* key, const char* value) {
    sys(doing, [&] { return ::syscall(SYS_fsconfig, context.get(), command, key, value, 0); });
  };
  const std::string layers = "/proc/self/fd/" + std::to_string(above) + ":/proc/self/fd/" + std::to_string(below);
  configure(FSCONFIG_SET_STRING, "source", name);
  configure(FSCONFIG_SET_STRING, "lowerdir", layers.c_str());
  configure(FSCONFIG_CMD_CREATE, nullptr, nullptr);
  return UniqueFd(static_cast<int>(sys(doing, [&] {
    return ::syscall(
        SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  })));
}

UniqueFd open_directory(const std::string& doing, int parent, const char* name) {
  return UniqueFd(sys(doing, [&] { return ::openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }));
}

}  // namespace

void attach(const UniqueFd& mount, const fs::path& target) {
  sys("attaching " + target.string(),
      [&] { return ::syscall(SYS_move_mount, mount.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH); });
}

UniqueFd without_path(const UniqueFd& tree, const char* name, const fs::path& place, const fs::path& empty) {
  const std::string doing = "hiding where our files are";
  attach(tree, place);
  UniqueFd result;
  try {
    const UniqueFd above = open_directory(doing, AT_FDCWD, place.c_str()),
                   below = open_directory(doing, AT_FDCWD, empty.c_str());
    result = overlay(doing, name, above.get(), below.get());
  } catch (const Failure& failure) {
    log_debug("programs see where our files are", {{"reason", failure.what()}});
    result = take(place, Access::read);
  }
  sys(doing, [&] { return ::umount2(place.c_str(), MNT_DETACH); });
  return result;
}

UniqueFd take_tree(const fs::path& path) { return take(path, Access::read); }

UniqueFd take_writable(const fs::path& path) { return take(path, Access::write); }

UniqueFd take_prepared(const fs::path& directory) {
  const std::string doing = "taking " + directory.string() + " into the sandbox root";
  const UniqueFd both = open_directory(doing, AT_FDCWD, directory.c_str());
  const UniqueFd made = open_directory(doing, both.get(), "made"), none = open_directory(doing, both.get(), "none");
  return overlay(doing, "prepared", made.get(), none.get());
}

void make_empty_scripts(const fs::path& workspace) {
  for (const languages::Language& language : languages::all()) {
    if (language.warmth == languages::Warmth::zygote) make_file(workspace / language.file);
  }
}

void enter_template_root(const SandboxdSettings& settings, OurTrees& trees) {
  // Nothing we do may show outside, whatever the host's propagation is.
  sys("making mounts private", [&] { return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr); });

  const fs::path root = "/tmp";
  sys("mounting the sandbox root",
      [&] { return ::mount("sandbox", root.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=8m"); });
  for (const char* directory :
       {"mnt", "mnt/data", "build", "tmp", "proc", "dev", "dev/shm", "var", "var/cache", "var/lib", "var/lib/php"}) {
    fs::create_directory(root / directory);
  }
  const auto hidden = [&](const UniqueFd& tree, const char* name) {
    return without_path(tree, name, root / "mnt/data", root / "build");
  };
  // A tree that is not the host's stands in the place of the workspace for a moment, where its pieces can be taken from.
  const fs::path place = root / "mnt/data";
  const bool of_host = !trees.root;
  if (!of_host) attach(hidden(trees.root, "system"), place);
  const os::SystemRoot system(of_host ? fs::path("/") : place);
  auto [pieces, links] = pieces_of(system);
  make_etc(root / "etc", settings.hostname, system);
  if (!of_host) sys("leaving the other root", [&] { return ::umount2(place.c_str(), MNT_DETACH); });
  if (trees.prepared) pieces.push_back({"prepared", std::move(trees.prepared), true});
  if (trees.output) pieces.push_back({fs::path("prepared") / trees.output_name, std::move(trees.output), true});
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
    add_piece(pieces, fs::path("/dev") / name, fs::path("dev") / name, Access::device);
  }

  // Other places where everybody may write: sessions of PHP are kept in the second.
  fs::create_symlink("/tmp", root / "var/tmp");
  fs::create_symlink("/tmp", root / "var/lib/php/sessions");
  // Node looks for packages in the directories above a program and, for `import`, nowhere else: this one is above all. They may be
  // installed later (packages/install.sh).
  fs::create_symlink("/usr/lib/kubecoderun/node/node_modules", root / "node_modules");
  pieces.push_back({"runtimes", hidden(trees.runtimes, "runtimes"), true});
  if (trees.packages) {
    pieces.push_back({"packages", hidden(trees.packages, "packages"), true});
    fs::create_symlink(
        fs::path(packages_mount) / "js/node_modules", root / "mnt/node_modules");  // before those above all
  }
  if (!trees.sets.empty()) fs::create_directory(root / fs::path(package_set_mount).relative_path());
  make_empty_scripts(root / "mnt/data");
  make_sys(root / "sys");
  for (const auto& [name, target] : links) fs::create_symlink(target, root / name);
  fs::create_symlink("/proc/self/fd", root / "dev/fd");
  for (int i = 0; i < 3; ++i) {
    const char* const names[] = {"stdin", "stdout", "stderr"};
    fs::create_symlink("/proc/self/fd/" + std::to_string(i), root / "dev" / names[i]);
  }
  for (const Piece& piece : pieces) {
    const fs::path target = root / piece.target;
    fs::create_directories(target.parent_path());
    if (piece.directory) {
      fs::create_directory(target);
    } else if (!fs::exists(target)) {
      make_file(target);
    }
    attach(piece.mount, target);
  }
  // Zygotes need a place to write while they import (font lists); sandboxes mount their own over it.
  sys("mounting /tmp",
      [&] { return ::mount("tmp", (root / "tmp").c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=64m"); });
  // A whole /proc has to be visible in this namespace, or the kernel refuses a fresh one to every sandbox below.
  sys("mounting /proc",
      [&] { return ::mount("proc", (root / "proc").c_str(), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr); });
  sys("making the sandbox root read-only", [&] {
    return ::mount(nullptr, root.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, nullptr);
  });
  sys("entering the sandbox root", [&] { return ::chdir(root.c_str()); });
  sys("changing the root", [&] { return ::syscall(SYS_pivot_root, ".", "."); });
  sys("leaving the host's root", [&] { return ::umount2(".", MNT_DETACH); });
  sys("entering the sandbox root", [&] { return ::chdir("/"); });
}

}  // namespace ci::sandbox
