#pragma once
// What a pool whose sandboxes are not on this machine tells operators beside the rest. A SandboxPool may be one of these, too.

#include <string>
#include <vector>

namespace ci::pool {

class Elsewhere {
 public:
  virtual ~Elsewhere() = default;

  // What its sandboxes are: "kubernetes-pods".
  virtual std::string architecture() const = 0;
  // What keeps sandboxes from being made although something can be run, in sentences.
  virtual std::vector<std::string> problems() const = 0;
};

}  // namespace ci::pool
