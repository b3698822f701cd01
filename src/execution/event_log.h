#pragma once
// What has happened in a run, for any number of readers, each at its own pace. Holds a bounded amount of text: a program
// waits for patient readers, and of what the others did not read in time they learn how much it was. I/O thread.

#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <variant>

#include "base/changes.h"
#include "pool/sandbox_pool.h"

namespace ci::execution {

enum class Phase {
  turn,     // waits for earlier runs of its session
  sandbox,  // waits for its sandbox and its files
  running,  // and its session is on record: all that can be refused has been, the answer is a result
};

struct Printed {  // well-formed UTF-8; nothing else has been changed
  Printed(pool::Stream s, std::string t) : stream(s), text(std::move(t)) {}
  pool::Stream stream;
  std::string text;
};
struct Missed {  // so many bytes of Printed came between and are gone. Made for the reader that it concerns
  std::uint64_t bytes = 0;
};
struct Paused {};
struct Resumed {};
struct Ended {};  // the last one
using Happening = std::variant<Phase, Printed, Missed, pool::Call, Paused, Resumed, Ended>;

struct RunEvent {
  RunEvent(std::uint64_t n, Happening h) : number(n), what(std::move(h)) {}
  std::uint64_t number;  // from 1, growing; 0 of a Missed
  Happening what;
};

// What becomes of a reader that does not keep up.
enum class Lag {
  wait,  // the program waits for it
  lose,  // it gets a Missed
};

class EventLog {
 public:
  // Holds about so many bytes of text.
  EventLog(asio::any_io_executor executor, std::size_t most_text)
      : changes_(std::move(executor)), most_text_(most_text) {}
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // Never lost: whoever adds these sees to it that they are few.
  void add(Happening what);
  // Suspends while there is no room and a patient reader has to read what would have to go.
  awaitable<void> print(pool::Stream stream, std::string text);

  // From now on nobody is waited for.
  void hurry() {
    patient_ = false;
    changes_.announce();
  }

  std::uint64_t last_number() const { return last_number_; }
  std::size_t text_held() const { return text_; }

  // Reads on from where it is. The log outlives it.
  class Reader {
   public:
    // Begins after the event `last_seen`; 0: with the first that is still there.
    Reader(EventLog& log, Lag lag, std::uint64_t last_seen = 0);
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader();

    // The next one that is there; nothing when none is.
    std::optional<RunEvent> take();
    // The next one, or nothing at the deadline or after Ended.
    awaitable<std::optional<RunEvent>> next(Deadline deadline = Deadline::max());

   private:
    friend class EventLog;
    EventLog& log_;
    Lag lag_;
    std::uint64_t seen_;                // number of the last one read
    std::uint64_t printed_before_ = 0;  // bytes of text up to there
    bool at_end_ = false;
  };

 private:
  struct Entry {
    Entry(std::uint64_t number, Happening what, std::uint64_t before, std::size_t bytes)
        : event(number, std::move(what)), printed_before(before), size(bytes) {}
    RunEvent event;
    std::uint64_t printed_before;  // bytes of text in all events before it
    std::size_t size;              // of its own text
  };

  // Whether a patient reader has still to read what would go first.
  bool is_awaited() const;
  void drop_oldest_text();
  std::deque<Entry>::const_iterator after_number(std::uint64_t number) const;

  Changes changes_;
  std::size_t most_text_;
  bool patient_ = true;
  std::size_t text_ = 0;       // bytes held
  std::uint64_t printed_ = 0;  // bytes that ever came
  std::uint64_t last_number_ = 0;
  std::deque<Entry> entries_;  // by number
  std::list<Reader*> readers_;
};

}  // namespace ci::execution
