#pragma once
// What guest and agent say to each other, and on which descriptors of the guest. Without dependencies: runtimes include it, and
// those that are not written in C++ (runtimes/python/session.py, runtimes/node/ahead.js) spell the same letters, which
// tests/runtimes/test_words.py compares.
//
// Each direction has a channel of its own. The agent speaks on a stream socket whose other direction is shut, because a
// descriptor that a guest could send would be closed by the agent, and close(2) may wait for as long as the guest likes. The
// guest speaks on a pipe, through which no descriptors go.
//
// A guest says `ready` and its process id as the sandbox numbers it (4 bytes, little endian), or `failed` and a reason. The agent
// says `go`, the arguments, each ended by NUL, and the end. A guest that reads the end without that just exits. A language with a
// compile limit then says `compiled` when its program is about to run: that starts the program's own time. A guest that the agent
// launched and whose language compiles is first told `build`: it makes the program, says `compiled`, and only then hears
// `go`. It says `compiled_silently` when the compiler had nothing to say, so that its program may be kept. Where the program
// is there already it hears `go` at once.
//
// Before `go` come the descriptors that this run has, each with a byte that is its name (listen.h): of a session's state `state_after`, a
// memory file to write to, and, when there is one, `state_before`, that to begin with; of a program's calls `calls`, a pipe to
// write to, and `answers`, one to read from, which become descriptors `calls_to` and `answers_from` of the program. On both go frames: four
// bytes, little endian, how many follow; four, the number of a call; then what is between the program's harness and the server. A
// guest that says too much (pool/sandbox_pool.h) finds both closed.
//
// `go_keep_after_errors` asks for a state also of a program that failed. The guest may say `unreadable`, the state
// to begin with, and at the end `ended` with the program's exit status, a byte: its time stops, and what it says until it
// exits, in a time of its own, is a note for the server. Nothing of this is believed: a guest that exits with another status, or
// not at all, has captured nothing.

namespace ci::sandbox {

inline constexpr int from_agent = 3, to_agent = 4;
inline constexpr int calls_to = 5, answers_from = 6;  // of a program that has calls

namespace words {

// The agent's.
inline constexpr char build = 'B', go = 'G', go_keep_after_errors = 'E';
// Its names of descriptors.
inline constexpr char state_after = 'A', state_before = 'P', calls = 'T', answers = 'N';
// The guest's.
inline constexpr char ready = 'R', failed = 'F', compiled = 'C', compiled_silently = 'K', unreadable = 'X', ended = 'S';

}  // namespace words

}  // namespace ci::sandbox
