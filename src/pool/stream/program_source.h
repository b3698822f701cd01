#pragma once
// A program as the body of a request, made while it is sent: no more of its files is in memory than the other side takes. I/O thread.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pool/sandbox_pool.h"

namespace ci::pool {

class ProgramSource final : public ByteSource {
 public:
  ProgramSource(const std::string& language, Program program);

  // Fails as the program's inputs do.
  awaitable<size_t> read_some(std::span<std::byte> into) override;

 private:
  awaitable<void> prepare();

  std::string pending_;
  size_t sent_ = 0;
  std::vector<std::unique_ptr<InputBody>> bodies_;  // that come after the program, in this order
  size_t next_ = 0;
  std::unique_ptr<ByteSource> current_;  // the body that is being sent
  std::vector<std::byte> piece_;
  bool done_ = false;
};

}  // namespace ci::pool
