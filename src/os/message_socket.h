#pragma once
// Messages with file descriptors over a SOCK_SEQPACKET socket pair (unix(7)): whole or not at all, in order.
// Any thread, one reader and one writer at a time. For single-threaded processes (sandboxd, agents) the calls
// block; the server makes its end non-blocking and waits in Asio.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace ci::os {

// The kernel's limit is 253 descriptors a message (SCM_MAX_FD); ours leaves room for none to be lost.
inline constexpr size_t max_descriptors = 128;
// A message's payload. Larger things travel as a descriptor of a memfd.
inline constexpr size_t max_payload = 64 << 10;

struct Message {
  std::string payload;
  std::vector<UniqueFd> descriptors;
};

// Both ends close-on-exec and blocking.
std::pair<UniqueFd, UniqueFd> message_socket_pair();

// False when a non-blocking socket is full. A peer that is gone fails as `unavailable`.
bool send_message(int socket, std::string_view payload, std::span<const int> descriptors = {});

enum class Received { message, would_block, closed, cut_off };
// `closed`: the peer is gone and nothing is left to read. Descriptors arrive close-on-exec. `cut_off`: the payload is
// whole, but this process may not hold so many descriptors and the last of them are lost.
Received receive_message(int socket, Message& into);

// An anonymous file holding `bytes`, sealed against change, for passing on.
UniqueFd memory_file(const char* name, std::string_view bytes);
// One to be written to: of that size, which can become less and never more.
UniqueFd sized_memory_file(const char* name, std::uint64_t size);

}  // namespace ci::os
