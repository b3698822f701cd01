#pragma once
// The one table that knows the languages: names, files, commands. Adding a language is one entry in table.cc, a line with
// its packages in packages/languages.tsv, an entry in tests/api/test_languages.py and, at most, one small file under
// runtimes/: what waits for the program (Warmth::waiting), or what is prepared for the compiler when we are built.

#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ci::languages {

// How a sandbox of the language waits for its program.
enum class Warmth {
  shell,    // an empty sandbox; the command is started when the code is there
  zygote,   // a process forked from one that has everything imported
  waiting,  // an interpreter started ahead of time
};

using Words = std::vector<std::string_view>;

inline constexpr std::chrono::milliseconds shortest_compile_limit{10000};

// How a source becomes a program, in the program's own sandbox and before the program's own time. In every word {file}
// is the source, seen from /mnt/data, and {program} what to make, outside of it. {headers} in `quick` stands for options
// that bring the headers which the source includes first, compiled already (sandbox/headers.h), or for nothing; {libraries} and
// {crates} for what the libraries that it uses need, {linker} for the quickest linker that is there (sandbox/link_options.h).
struct Compile {
  // argv of the plain compiler: what people type, and whose messages they get. Empty: nothing to compile.
  Words command = {};
  // The same made faster, tried first. Several commands are separated by "&&". Only when all of them succeed does
  // their program count, and what they said is shown; otherwise the plain compiler starts afresh.
  Words quick = {};
  // Files beside the source could change what the plain compiler does but not what `quick` does: only without them.
  bool quick_alone = false;
  Words environment = {};  // "NAME=value", beside what every guest has
  // A source that mentions one of these may become something else another time: the clock, other files, the environment.
  // Its program is not kept for the next one that sends the same. In lower case and without white space; what is searched
  // is made so first, and once more without comments. Many harmless sources mention them: these only cost a compiler.
  Words fickle = {};
  // The same where none of the characters `harmless_next` follows.
  Words fickle_unless_followed = {};
  std::string_view harmless_next = {};
};

struct Language {
  std::string_view code;     // "py"
  std::string_view name;     // "Python"
  Words aliases = {};        // "python"
  std::string_view file;     // "code.py", below /mnt/data
  std::string_view needs;    // absolute path of the program whose presence means we have it
  std::string_view package;  // the Debian package that brings it, for doctor
  Words command;  // argv before the user's arguments; {file} is the source file, {program} what `compile` made;
                  // {heap}, {memory}, {plots}: filled in by sandbox/kinds.cc
  Warmth warmth;
  int floor = 1;               // sandboxes kept warm unless POD_POOL_<CODE> says otherwise
  bool keeps_state = false;    // variables of one run are there in the next of the session
  bool reads_imports = false;  // what its programs import decides which sandbox they get
  // Compiling may take this share of the longest time that a program may run. 0: there is nothing to compile. What
  // compiles says so on descriptor 3 when it is done (sandbox/agent.h).
  double compile_share = 0;
  Compile compile = {};

  // The time for compiling, before the program's own and whatever that is: a source does not compile quicker because its
  // program is to end soon.
  std::chrono::milliseconds compile_limit(std::chrono::milliseconds longest_run) const {
    if (compile_share == 0) return std::chrono::milliseconds(0);
    return std::max(
        shortest_compile_limit, std::chrono::duration_cast<std::chrono::milliseconds>(longest_run * compile_share));
  }
};

std::span<const Language> all();

// By code or alias, without regard to case; null when unknown.
const Language* find(std::string_view name);

// Top-level module names that a piece of Python imports, by reading its import statements (also indented ones);
// a guess: dynamic imports are not seen. Sorted, without repeats.
std::vector<std::string> python_imports(std::string_view code);

}  // namespace ci::languages
