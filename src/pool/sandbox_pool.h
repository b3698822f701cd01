#pragma once
// Sandboxes on loan: acquire → Lease → run → gone. Implemented by local/ (this machine) and, later, kubernetes/.
// Everything here is called on the I/O thread.

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/async.h"
#include "base/byte_source.h"
#include "base/left_out.h"
#include "base/relative_path.h"
#include "base/unique_fd.h"

namespace ci::pool {

// What a run will need, so that the pool can choose the smallest warm sandbox that serves.
struct Demand {
  Demand(std::string lang, std::vector<std::string> modules, std::string who = {})
      : language(std::move(lang)), imports(std::move(modules)), owner(std::move(who)) {}
  std::string language;              // canonical code of languages/: "py", "js", "bash"
  std::vector<std::string> imports;  // top-level modules the program imports (Python), may be incomplete
  std::string owner;                 // on whose behalf: those who wait take turns by owner
  std::string packages;              // a set of the operator's that the program finds; empty: none
  Deadline longest_wait{};           // while sandboxes like it are being made for others, it waits until then
};

// The contents of an input, opened when their turn has come: many that are open at once would cost a connection each.
class InputBody {
 public:
  virtual ~InputBody() = default;
  // Called once. Nothing when they are gone: then the program goes without that file.
  virtual awaitable<std::unique_ptr<ByteSource>> open() = 0;
};

// Contents that are open already.
class OpenBody final : public InputBody {
 public:
  explicit OpenBody(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}
  awaitable<std::unique_ptr<ByteSource>> open() override { co_return std::move(source_); }

 private:
  std::unique_ptr<ByteSource> source_;
};

struct InputFile {
  InputFile(RelativePath path, std::unique_ptr<InputBody> contents, std::uint64_t bytes, bool ro)
      : name(std::move(path)), body(std::move(contents)), size(bytes), read_only(ro) {}
  RelativePath name;  // below /mnt/data
  std::unique_ptr<InputBody> body;
  std::uint64_t size;  // as far as is known
  bool read_only;
};

// What a program finds of earlier runs of its session and leaves for later ones, in the form of state/. Sources that have a
// descriptor have one of a sealed memory file, which a pool of this machine passes on without reading it.
struct StateWish {
  StateWish(std::unique_ptr<ByteSource> from, std::uint64_t most, bool errors)
      : before(std::move(from)), largest(most), after_errors(errors) {}
  std::unique_ptr<ByteSource> before;  // null: it begins with nothing
  std::uint64_t largest;               // bytes of what it may leave
  bool after_errors;                   // also of a program that failed
};

struct Program {
  std::string code;
  std::vector<std::string> arguments;
  std::vector<InputFile> inputs;
  std::optional<StateWish> state;               // Python only
  bool calls = false;                           // it has a channel of its own for Call and Answer
  std::chrono::milliseconds time_limit{30000};  // of the program itself
  std::uint64_t memory_limit = 0;               // less than a sandbox has; 0: all of that
  std::chrono::milliseconds compile_limit{0};   // of compiling it, before that; 0: there is nothing to compile
  std::uint64_t output_file_limit = 10 << 20;   // larger files of the guest are not handed out
  std::uint32_t output_file_count = 100;        // nor more than this many candidates
  std::unique_ptr<ByteSource> compiled;         // what `code` compiles to, if that is known: it is not compiled again
  std::uint64_t largest_compiled = 0;           // hand out what `code` compiles to, up to this size; 0: no
};

enum class Stream { out, err };

struct Output {  // what the program wrote, as it comes
  Output(Stream s, std::string b) : stream(s), bytes(std::move(b)) {}
  Stream stream;
  std::string bytes;
};

enum class Ended {
  exited,         // by itself: see exit_code
  signalled,      // by a signal of its own making or a fault: see signal
  timed_out,      // we ended it at the deadline
  out_of_memory,  // the memory limit ended it
  lost,           // the sandbox itself went away (its supervisor was killed)
  interrupted,    // we ended it since we were told to
};

// The guest's fate: a plain value, never an exception.
struct Outcome {
  Ended ended = Ended::exited;
  int exit_code = 0;
  int signal = 0;
  bool while_compiling = false;            // it never came to the program
  std::chrono::microseconds wall_time{0};  // of the program, not of our machinery; of the compiler when it ended there
  std::chrono::microseconds compile_time{0};  // before that
  std::chrono::microseconds cpu_time{0};
  std::uint64_t peak_memory = 0;      // bytes; 0 when the host cannot tell
  bool state_captured = false;        // a StateLeft came before this, true or forged
  bool state_unusable = false;        // the program began with nothing, since StateWish::before could not be read
  std::string state_note;             // what the sandbox says of a captured state: untrusted
  std::vector<std::string> unplaced;  // names of inputs that the workspace had no room for
  // Where our time went: step name and microseconds, in order ("place files", "collect", …).
  std::vector<std::pair<std::string, std::uint64_t>> steps;
};

// A file the program left below /mnt/data: a regular file on the workspace's own device, checked after opening. Hidden ones
// and those in folders of dependencies (node_modules …) are left out, but for inputs that were changed.
struct OutputFile {
  OutputFile(std::string path, std::unique_ptr<ByteSource> source, std::uint64_t bytes, bool by_program = true)
      : name(std::move(path)), body(std::move(source)), size(bytes), written(by_program) {}
  std::string name;  // whatever the guest made of it, below /mnt/data: any bytes but NUL. Never a path to open
  std::unique_ptr<ByteSource> body;
  std::uint64_t size;
  bool written;  // false: an input that the program did not write to, also not the same bytes again
};

// What the compiler made of the code without a word. No code of the user had run by then. A descriptor is one of sealed memory.
struct Compiled {
  Compiled(std::unique_ptr<ByteSource> bytes, std::uint64_t count) : program(std::move(bytes)), size(count) {}
  std::unique_ptr<ByteSource> program;
  std::uint64_t size;
};

// What the program left for later runs of its session. A descriptor is one of a memory file (state/memory.h).
struct StateLeft {
  explicit StateLeft(std::unique_ptr<ByteSource> bytes) : state(std::move(bytes)) {}
  std::unique_ptr<ByteSource> state;
};

// What the program left and is not handed out; so many files are meant by it, when it is a folder.
struct Skipped {
  Skipped(std::string path, LeftOut why, std::uint32_t count) : name(std::move(path)), reason(why), files(count) {}
  std::string name;  // as in OutputFile, perhaps cut; a folder's ends with '/'
  LeftOut reason;
  std::uint32_t files;
};

// The last event: no more files.
struct Collected {
  Collected() = default;
  std::vector<std::string> gone;  // names of inputs of which nothing is left where they were put
  std::vector<Skipped> skipped;   // the first of them
  std::array<std::uint32_t, left_out_reasons> skipped_files{};  // all of them, by reason
  bool complete = false;                                        // everything was looked at
};

// The program asks something of whoever reads these events, and waits for an Answer of the same number. What is in it is
// between the program's harness and that reader; like all that a guest says it is not to be believed.
inline constexpr std::size_t longest_call = 1 << 20;  // bytes: a guest that says more finds its channel closed
inline constexpr std::size_t most_open_calls = 100;   // that wait for an answer at once; the same
struct Call {
  Call(std::uint32_t n, std::string text) : number(n), request(std::move(text)) {}
  std::uint32_t number;
  std::string request;
};

using Event = std::variant<Output, Compiled, Call, StateLeft, Outcome, OutputFile, Collected>;

// What can be said to a sandbox while its program runs.
struct Answer {  // to a Call. One that nobody waits for is dropped
  Answer(std::uint32_t n, std::string text) : number(n), result(std::move(text)) {}
  std::uint32_t number;
  std::string result;  // no longer than 5 MB
};
struct Freeze {};  // nothing in it runs until Thaw, and neither limit's time goes on
struct Thaw {
  std::optional<std::chrono::milliseconds> time_limit;  // from now on; else what was left goes on
};
// The soft signal that a program gets at its deadline, at once, also when it is frozen, and the end of everything a moment
// later. Output, Outcome (Ended::interrupted) and files follow as they would have.
struct Interrupt {};
using Word = std::variant<Answer, Freeze, Thaw, Interrupt>;

// One sandbox, for exactly one run. Dropping it destroys the sandbox and everything in it, at any moment.
class Lease {
 public:
  virtual ~Lease() = default;

  // Whether the sandbox still waits for a program: it may have ended since it was given out.
  virtual bool waits() = 0;

  // Whether it was there when it was asked for, or made while somebody waited. A pool that cannot tell says that it was there.
  virtual bool was_warm() const { return true; }

  // Places the inputs and starts the program. Fails as `unavailable` when the sandbox is gone, and as the inputs do.
  virtual awaitable<void> start(Program program) = 0;

  // The next event: any number of Output and Call, perhaps a Compiled, perhaps a StateLeft, one Outcome, any number of OutputFile, one Collected. Every output
  // byte comes before the Outcome. A caller that does not read makes the guest wait, not us.
  virtual awaitable<Event> next() = 0;

  // Between start() and the Outcome, also while next() waits; one at a time. After the end it does nothing. Words arrive in
  // order. Fails as `unavailable` when the sandbox does not take it, and as `exhausted` when its program leaves too many
  // answers unread.
  virtual awaitable<void> tell(Word word) = 0;
};

struct LanguageStatistics {
  std::uint64_t available = 0, in_use = 0, creating = 0, target = 0;
};

struct PoolStatistics {
  std::uint64_t acquisitions = 0;             // that ended with a sandbox: hits + misses
  std::uint64_t hits = 0;                     // one was warm
  std::uint64_t misses = 0;                   // one was made while the request waited
  std::uint64_t exhaustions = 0;              // requests for which a warm one should have been there and was not
  std::uint64_t refusals = 0;                 // requests that got none in time, or found too many others waiting
  std::uint64_t waits = 0;                    // requests that waited, whatever came of it
  std::uint64_t waiting = 0;                  // requests that wait now
  std::chrono::microseconds acquire_time{0};  // sum over acquisitions
  std::chrono::microseconds wait_time{0};     // sum over waits
  bool keeps_warm = true;                     // by its settings
  std::map<std::string, LanguageStatistics> languages;
};

class SandboxPool {
 public:
  virtual ~SandboxPool() = default;

  // A warm sandbox when there is one, else one made now. Fails as `unavailable` when there is no such set of packages, and at the
  // deadline, or at the demand's `longest_wait` where that is later and sandboxes become ready one after the other.
  virtual awaitable<std::unique_ptr<Lease>> acquire(Demand demand, Deadline deadline) = 0;

  // Suspends until as many of every language's plainest kind as its floor were made, or one failed; the log says which
  // failed. Runs may have taken them meanwhile.
  virtual awaitable<void> warm_up() = 0;

  // Languages that this host can run, as canonical codes.
  virtual std::vector<std::string> languages() const = 0;

  // Names of sets of packages that a Demand may ask for, sorted.
  virtual std::vector<std::string> package_sets() const = 0;

  // Why nothing can be run now; empty when something can.
  virtual std::string unavailable() const = 0;

  virtual PoolStatistics statistics() const = 0;

  // Destroys all warm sandboxes and waits until they are gone.
  virtual awaitable<void> stop() = 0;
};

}  // namespace ci::pool
