#pragma once
// Tools of a system that programs see and this host does not have as its own (SANDBOX_ROOT) are used there, in namespaces like a
// sandbox's: no network, nothing of this host but that system, our runtimes, and one directory to write to. What is made of its files for
// its compilers and interpreters (app/server/preparations.h) is made so, by whoever calls, with no more rights than theirs.

#include <filesystem>
#include <string>
#include <vector>

namespace ci::sandbox {

struct Workshop {
  std::filesystem::path root, runtimes;
  std::filesystem::path output;    // a directory of the caller
  std::string output_name;         // of one part, "cpp": see workshop_output()
  std::vector<std::string> words;  // of the tool, as it is called inside
};

// What the tool sees them as: where programs in sandboxes will.
inline constexpr const char* workshop_runtimes = "/runtimes";
std::filesystem::path workshop_output(const std::string& name);

// Runs the tool to its end, in the caller's environment, and returns its exit status as a shell counts it. It ends with the calling
// process, which has a single thread. Fails as `unavailable` where the caller may make no namespaces.
int work_inside(const Workshop& workshop);

}  // namespace ci::sandbox
