#pragma once
// How a guest hears its agent (words.h): bytes of a socket, some of which come with a descriptor each. Without dependencies and
// without allocation, because it is also loaded into interpreters.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "sandbox/guest/words.h"

namespace ci::sandbox {

// What came along, in order; the byte that each came with is its name.
struct Passed {
  static constexpr int most = 8;
  char names[most];
  int descriptors[most];
  int count = 0;

  // -1: none of that name.
  int find(char name) const {
    for (int i = 0; i < count; ++i) {
      if (names[i] == name) return descriptors[i];
    }
    return -1;
  }
};

// As read(2), of a socket whose bytes may come with descriptors; `count` of them came. The kernel closes what has no room.
template <int most>
ssize_t receive(int socket, void* into, std::size_t room, int (&descriptors)[most], int& count) {
  iovec data{into, room};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptors)];
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  count = 0;
  ssize_t got;
  do {
    got = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  const cmsghdr* rights = got > 0 ? CMSG_FIRSTHDR(&header) : nullptr;
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return got;
  count = static_cast<int>((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  std::memcpy(descriptors, CMSG_DATA(rights), sizeof(int) * static_cast<std::size_t>(count));
  return got;
}

// As read(2). At most one descriptor comes with a call, and with the last byte of it: the kernel does not read on beyond one.
inline ssize_t listen_to_agent(char* into, std::size_t room, Passed& passed) {
  int descriptors[1], count;
  const ssize_t got = receive(from_agent, into, room, descriptors, count);
  if (count == 0) return got;
  if (passed.count == Passed::most) {
    ::close(descriptors[0]);
    return got;
  }
  passed.names[passed.count] = into[got - 1];
  passed.descriptors[passed.count++] = descriptors[0];
  return got;
}

// The channel of calls gets its numbers, which programs inherit. Nothing else that came along stays open.
inline void place_calls(const Passed& passed) {
  constexpr int above = answers_from + 1;  // neither may be where the other is to go
  int calls = passed.find(words::calls), answers = passed.find(words::answers);
  if (calls >= 0) calls = ::fcntl(calls, F_DUPFD_CLOEXEC, above);
  if (answers >= 0) answers = ::fcntl(answers, F_DUPFD_CLOEXEC, above);
  for (int i = 0; i < passed.count; ++i) ::close(passed.descriptors[i]);
  if (calls >= 0) ::dup2(calls, calls_to);
  if (answers >= 0) ::dup2(answers, answers_from);
  if (calls >= 0) ::close(calls);
  if (answers >= 0) ::close(answers);
}

}  // namespace ci::sandbox
