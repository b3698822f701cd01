#pragma once
// What `doctor` finds: one line of its report each.

#include <string>
#include <vector>

namespace ci::app {

enum class Verdict { good, weak, missing };  // weak: something is lost, but sandboxes are whole

struct Finding {
  std::string group;  // those of one group follow each other
  std::string name;
  Verdict verdict = Verdict::good;
  std::string detail;
  std::string loss;    // what is lost without it; empty when it is good
  std::string remedy;  // how to get it; empty when it is good
};

class Findings {
 public:
  // Of `loss` and `remedy` nothing is kept when it is good; `otherwise` is the verdict when it is not.
  void add(
      const char* group, std::string name, bool good, std::string detail, std::string loss, std::string remedy,
      Verdict otherwise = Verdict::missing) {
    Finding& finding = all_.emplace_back();
    finding.group = group;
    finding.name = std::move(name);
    finding.detail = std::move(detail);
    if (good) return;
    finding.verdict = otherwise;
    finding.loss = std::move(loss);
    finding.remedy = std::move(remedy);
  }

  const std::vector<Finding>& all() const { return all_; }

 private:
  std::vector<Finding> all_;
};

}  // namespace ci::app
