#pragma once
// Putting files into a sandbox before its program begins. I/O thread.

#include <string>
#include <string_view>
#include <vector>

#include "pool/local/channel.h"
#include "pool/sandbox_pool.h"

namespace ci::pool {

struct Puts;

// A sealed memory file with these bytes, made on `blocking` when they are so many that others would have to wait for it. `name` and
// `bytes` stay until it is there.
awaitable<UniqueFd> memory_file_of(asio::thread_pool& blocking, const char* name, std::string_view bytes);

class Inputs {
 public:
  Inputs(Channel& channel, asio::thread_pool& blocking) : channel_(channel), blocking_(blocking) {}

  // The program's own text first, so that there is room for it, however many inputs there are. One of its name is left out. Fails as
  // the inputs do, and as `unavailable` when the sandbox does not take them.
  awaitable<void> place(std::string_view source_name, std::string_view code, std::vector<InputFile>& inputs);

  // By the numbers under which the agent speaks of them: in the order in which they were put.
  const std::vector<std::string>& names() const { return names_; }

 private:
  awaitable<void> place(std::vector<InputFile>& inputs);
  awaitable<void> send(Puts puts);
  awaitable<void> stream(const InputFile& input, ByteSource& body);

  Channel& channel_;
  asio::thread_pool& blocking_;
  std::vector<std::string> names_;
};

}  // namespace ci::pool
