#pragma once
// What compilers and interpreters are quicker with: C++'s headers and TypeScript's compiler in the form in which their programs have
// them in memory, Java's class archive, where Go's packages are. Made by scripts of ours (runtimes/<language>/prepare.*) out of
// files of the system, so they are of no more use when these change, which an update does at any time.
//
// A build makes them beside the runtimes. A server looks at its start and every minute; what does not fit any more, or was never made, it
// makes anew in the background, in its data directory, where sandboxes find it first. Without them programs run all the same,
// only slower.

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "os/system_root.h"

namespace ci::app {

struct Preparation {
  std::string_view folder;                // of the runtimes: "cpp"
  std::string_view language;              // whose program has to be there: "cpp"
  std::string_view what;                  // for people: "C++ headers"
  std::string_view loss;                  // what is slower without it
  std::vector<std::string_view> command;  // {runtimes} and {output} in it are directories
};
std::span<const Preparation> preparations();

enum class Prepared {
  as_built,  // beside the runtimes, and it fits
  anew,      // in the data directory, and it fits
  stale,     // there is one that does not fit
  absent,
};

struct PreparationPlaces {
  std::filesystem::path runtimes;
  std::filesystem::path prepared;  // those made anew
  os::SystemRoot system;           // that programs see, whose files they are made of, by its own tools
};
Prepared look_at(const Preparation& preparation, const PreparationPlaces& places);

inline constexpr const char* prepared_directory = "prepared/made";  // in the data directory

class Preparer {
 public:
  // `languages` are the codes that are offered; `made` is called after some were made: sandboxes of before do not have them.
  Preparer(PreparationPlaces places, std::vector<std::string> languages, std::function<awaitable<void>()> made);

  // Looks and makes, one after the other, until it is cancelled.
  awaitable<void> keep_current();

 private:
  awaitable<void> make(const Preparation& preparation);

  PreparationPlaces places_;
  std::vector<std::string> languages_;
  std::function<awaitable<void>()> made_;
};

}  // namespace ci::app
