#pragma once
// Sandboxes on loan: acquire → Lease → run → gone. Implemented by local/ (this machine) and, later, kubernetes/.
// Everything here is called on the I/O thread.

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
#include "base/relative_path.h"

namespace ci::pool {

// What a run will need, so that the pool can choose the smallest warm sandbox that serves.
struct Demand {
  Demand(std::string lang, std::vector<std::string> modules) : language(std::move(lang)), imports(std::move(modules)) {}
  std::string language;              // canonical code of languages/: "py", "js", "bash"
  std::vector<std::string> imports;  // top-level modules the program imports (Python), may be incomplete
};

struct InputFile {
  InputFile(RelativePath path, std::unique_ptr<ByteSource> source, std::uint64_t bytes, bool ro)
      : name(std::move(path)), body(std::move(source)), size(bytes), read_only(ro) {}
  RelativePath name;  // below /mnt/data
  std::unique_ptr<ByteSource> body;
  std::uint64_t size;
  bool read_only;
};

struct Program {
  std::string code;
  std::vector<std::string> arguments;
  std::vector<InputFile> inputs;
  std::chrono::milliseconds time_limit{30000};
  std::uint64_t output_file_limit = 10 << 20;  // larger files of the guest are not handed out
  std::uint32_t output_file_count = 100;       // nor more than this many candidates
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
};

// The guest's fate: a plain value, never an exception.
struct Outcome {
  Ended ended = Ended::exited;
  int exit_code = 0;
  int signal = 0;
  std::chrono::microseconds wall_time{0};  // of the program, not of our machinery
  std::chrono::microseconds cpu_time{0};
  std::uint64_t peak_memory = 0;  // bytes; 0 when the host cannot tell
  // Where our time went: step name and microseconds, in order ("place files", "collect", …).
  std::vector<std::pair<std::string, std::uint64_t>> steps;
};

// A file the program left below /mnt/data: a regular file with one link, on the workspace's own device,
// checked after opening. Names are whatever the guest made that passes RelativePath.
struct OutputFile {
  OutputFile(RelativePath path, std::unique_ptr<ByteSource> source, std::uint64_t bytes)
      : name(std::move(path)), body(std::move(source)), size(bytes) {}
  RelativePath name;
  std::unique_ptr<ByteSource> body;
  std::uint64_t size;
};

struct Collected {};  // the last event: no more files

using Event = std::variant<Output, Outcome, OutputFile, Collected>;

// One sandbox, for exactly one run. Dropping it destroys the sandbox and everything in it, at any moment.
class Lease {
 public:
  virtual ~Lease() = default;

  // Places the inputs and starts the program. Fails as `unavailable` when the sandbox is gone.
  virtual awaitable<void> start(Program program) = 0;

  // The next event: any number of Output, one Outcome, any number of OutputFile, one Collected. Every output
  // byte comes before the Outcome. A caller that does not read makes the guest wait, not us.
  virtual awaitable<Event> next() = 0;
};

struct LanguageStatistics {
  std::uint64_t available = 0, in_use = 0, creating = 0, target = 0;
};

struct PoolStatistics {
  std::uint64_t acquisitions = 0, hits = 0, misses = 0, exhaustions = 0;
  std::chrono::microseconds acquire_time{0};  // sum
  std::map<std::string, LanguageStatistics> languages;
};

class SandboxPool {
 public:
  virtual ~SandboxPool() = default;

  // A warm sandbox when there is one, else one made now. Fails as `unavailable` at the deadline.
  virtual awaitable<std::unique_ptr<Lease>> acquire(Demand demand, Deadline deadline) = 0;

  // Suspends until every language has its floor of the plainest kind, or failed once; the log says which failed.
  virtual awaitable<void> warm_up() = 0;

  // Languages that this host can run, as canonical codes.
  virtual std::vector<std::string> languages() const = 0;

  virtual PoolStatistics statistics() const = 0;

  // Destroys all warm sandboxes and waits until they are gone.
  virtual awaitable<void> stop() = 0;
};

}  // namespace ci::pool
