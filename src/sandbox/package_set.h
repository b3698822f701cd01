#pragma once
// What sandboxd has of a set of packages (own_packages.h): a root with it, and zygotes that look there first. The root is a mount namespace
// in which everything is as in the template root but for the set. Sandboxes with the set get copies of it, so that none has a mount of
// another's set, and those without any are made as if there were no sets. Used by sandboxd, single-threaded, after enter_template_root().

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "sandbox/guest/guest.h"
#include "sandbox/zygotes.h"

namespace ci::sandbox {

class PackageSet {
 public:
  // `tree`: of take_tree(). `environment`: of guests, without the paths of packages. `limits` outlives it. Fails as mounting does.
  PackageSet(const UniqueFd& tree, std::vector<std::string> environment, const GuestLimits& limits);
  PackageSet(const PackageSet&) = delete;
  PackageSet& operator=(const PackageSet&) = delete;

  int root() const { return root_.get(); }
  const std::vector<std::string>& environment() const { return environment_; }
  Zygotes& zygotes() { return zygotes_; }

 private:
  UniqueFd root_;
  std::vector<std::string> environment_;
  Zygotes zygotes_;
};

// While it lives the calling process, and what it forks, is in that root.
class InRoot {
 public:
  explicit InRoot(int root);
  ~InRoot();
  InRoot(const InRoot&) = delete;
  InRoot& operator=(const InRoot&) = delete;

 private:
  UniqueFd home_;
};

}  // namespace ci::sandbox
