#include "os/message_socket.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "base/sys.h"

namespace ci::os {

std::pair<UniqueFd, UniqueFd> message_socket_pair() {
  int ends[2];
  sys("making a socket pair", [&] { return ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends); });
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool send_message(int socket, std::string_view payload, std::span<const int> descriptors) {
  CHECK(!payload.empty() && payload.size() <= max_payload && descriptors.size() <= max_descriptors);
  iovec data{const_cast<char*>(payload.data()), payload.size()};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * max_descriptors)> control;
  if (!descriptors.empty()) {
    control.fill(0);
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  for (;;) {
    if (::sendmsg(socket, &header, MSG_NOSIGNAL) >= 0) return true;
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
    throw Failure::from_errno(errno, "sending a message");
  }
}

Received receive_message(int socket, Message& into) {
  into.payload.resize(max_payload);
  into.descriptors.clear();
  iovec data{into.payload.data(), into.payload.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * max_descriptors)> control;
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t got;
  do {
    got = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Received::would_block;
    if (errno == ECONNRESET) return Received::closed;
    throw Failure::from_errno(errno, "receiving a message");
  }
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      into.descriptors.emplace_back(fd);
    }
  }
  if (got == 0) return Received::closed;
  if (header.msg_flags & MSG_TRUNC) throw Failure(FailureKind::internal, "receiving a message: it was cut off");
  into.payload.resize(static_cast<size_t>(got));
  return header.msg_flags & MSG_CTRUNC ? Received::cut_off : Received::message;
}

UniqueFd memory_file(const char* name, std::string_view bytes) {
  UniqueFd file(sys("making a memory file", [&] { return ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); }));
  for (size_t done = 0; done < bytes.size();) {
    done += static_cast<size_t>(
        sys("filling a memory file", [&] { return ::write(file.get(), bytes.data() + done, bytes.size() - done); }));
  }
  sys("sealing a memory file",
      [&] { return ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL); });
  return file;
}

UniqueFd sized_memory_file(const char* name, std::uint64_t size) {
  UniqueFd file(sys("making a memory file", [&] { return ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); }));
  sys("sizing a memory file", [&] { return ::ftruncate(file.get(), static_cast<off_t>(size)); });
  sys("sealing a memory file", [&] { return ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW); });
  return file;
}

}  // namespace ci::os
