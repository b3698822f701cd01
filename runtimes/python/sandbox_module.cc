// The one thing a Python zygote cannot do in Python: be born into a sandbox.
//
// learn(rehearsal, program) calls rehearsal(program) in a child that is thrown away, to see which pages a guest uses.
//
// serve(fd, limits) waits for requests on a SOCK_SEQPACKET socket and returns only in the child of a fork, which is by
// then a guest: in the sandbox's namespaces, cgroup and user, without capabilities, filtered. It returns the
// descriptor on which the child says that it is ready and is told to go.

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include "sandbox/guest/guest.h"
#include "sandbox/guest/seccomp_filter.h"
#include "working_set.h"

namespace {

WorkingSet working_set;

using ci::sandbox::GuestLimits;
using ci::sandbox::SeccompFilter;

// The order is sandboxd's, see sandbox/zygote_tree.cc.
struct Descriptors {
  int agent, finished, go, out, err;
  int cgroup[8];
  int cgroups = 0;
  int all[16];
  int count = 0;
};

// 1: a request; 0: sandboxd is gone.
int receive(int socket, Descriptors& into) {
  char word[16];
  iovec data{word, sizeof word};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof into.all)];
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got;
  do {
    got = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return 0;
  const cmsghdr* rights = CMSG_FIRSTHDR(&header);
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return 0;
  into.count = static_cast<int>((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  if (into.count < 5) return 0;
  std::memcpy(into.all, CMSG_DATA(rights), sizeof(int) * static_cast<size_t>(into.count));
  into.agent = into.all[0];
  into.finished = into.all[1];
  into.go = into.all[2];
  into.out = into.all[3];
  into.err = into.all[4];
  into.cgroups = into.count - 5;
  std::memcpy(into.cgroup, into.all + 5, sizeof(int) * static_cast<size_t>(into.cgroups));
  return 1;
}

// Everything between the fork and our Python code. Does not return when something fails: the agent hears why.
int enter(const Descriptors& fds, const GuestLimits& limits, const SeccompFilter& filter) {
  ::prctl(PR_SET_PDEATHSIG, 0);
  // What is copied now is memory of the sandbox.
  const char* wrong = ci::sandbox::join_cgroups(fds.cgroup, fds.cgroups);
  working_set.touch();
  PyOS_AfterFork_Child();
  char byte;
  // The mounts must stand before we enter them. End of file: the sandbox died; so do we.
  if (wrong == nullptr && ::read(fds.finished, &byte, 1) != 1) ::_exit(1);
  if (wrong == nullptr &&
      ::setns(fds.agent, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0) {
    wrong = "entering the sandbox";
  }
  ::dup2(fds.out, STDOUT_FILENO);
  ::dup2(fds.err, STDERR_FILENO);
  const int go = ::dup2(fds.go, 3);
  ::syscall(SYS_close_range, 4u, ~0u, 0u);
  ::fcntl(go, F_SETFD, FD_CLOEXEC);
  if (wrong == nullptr && ::chdir(ci::sandbox::workspace) != 0) wrong = "entering the workspace";
  if (wrong == nullptr) wrong = ci::sandbox::become_guest(limits, filter.program());
  if (wrong != nullptr) {
    char text[256];
    const int size = std::snprintf(text, sizeof text, "E%s: %s", wrong, std::strerror(errno));
    [[maybe_unused]] const ssize_t ignored = ::write(go, text, static_cast<size_t>(size));
    ::_exit(126);
  }
  return go;
}

// Forking copies page tables and unmapping tears them down: both are cheaper by far for huge pages. Only whole ones
// inside our heaps; a child that writes gets small pages again where it does. MADV_COLLAPSE: Linux 6.1, else no-op.
void collapse_heaps() {
  constexpr unsigned long huge = 2 << 20;
  constexpr int madv_collapse = 25;
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return;
  char line[512];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long begin, end, offset, inode;
    char access[8], device[16];
    if (std::sscanf(line, "%lx-%lx %7s %lx %15s %lu", &begin, &end, access, &offset, device, &inode) != 6) continue;
    if (inode != 0 || std::strcmp(access, "rw-p") != 0) continue;
    begin = (begin + huge - 1) & ~(huge - 1);
    end &= ~(huge - 1);
    if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, madv_collapse);
  }
  std::fclose(maps);
}

PyObject* serve(PyObject*, PyObject* arguments) {
  int socket;
  unsigned long long open_files, address_space, processes;
  if (!PyArg_ParseTuple(arguments, "i(KKK)", &socket, &open_files, &address_space, &processes)) return nullptr;
  GuestLimits limits;
  limits.open_files = open_files;
  limits.address_space_bytes = address_space;
  limits.processes = processes;
  SeccompFilter* filter = nullptr;
  try {
    filter = new SeccompFilter;  // lives as long as this process and its children
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
    return nullptr;
  }
  collapse_heaps();
  Descriptors fds;
  while (receive(socket, fds) == 1) {
    // Only children are moved by this; see setns(2).
    if (::setns(fds.agent, CLONE_NEWPID) == 0) {
      PyOS_BeforeFork();
      // The guest must be a child of the sandbox's process 1, or that could not wait for it. A process whose parent
      // dies goes to process 1 of its own namespace: so a short-lived one, already inside, does the forking. It
      // borrows our memory (vfork), which costs next to nothing; only the second fork copies.
      const pid_t between = ::vfork();
      if (between == 0) {
        const pid_t child = ::fork();
        if (child == 0) return PyLong_FromLong(enter(fds, limits, *filter));
        ::_exit(child < 0 ? 1 : 0);
      }
      PyOS_AfterFork_Parent();
      if (between > 0) {
        int status;
        while (::waitpid(between, &status, 0) < 0 && errno == EINTR) {
        }
      }
    }
    for (int i = 0; i < fds.count; ++i) ::close(fds.all[i]);
  }
  ::_exit(0);
}

PyObject* learn(PyObject*, PyObject* arguments) {
  PyObject *rehearsal, *program;
  if (!PyArg_ParseTuple(arguments, "OO", &rehearsal, &program)) return nullptr;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return PyErr_SetFromErrno(PyExc_OSError);
  PyOS_BeforeFork();
  const pid_t child = ::fork();
  if (child == 0) {
    PyOS_AfterFork_Child();
    PyObject* result = PyObject_CallFunctionObjArgs(rehearsal, program, nullptr);
    if (result == nullptr) PyErr_Print();
    else report_working_set(ends[1]);
    ::_exit(0);
  }
  PyOS_AfterFork_Parent();
  ::close(ends[1]);
  if (child > 0) {
    working_set.learn(ends[0]);
    ::kill(child, SIGKILL);
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ::close(ends[0]);
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"learn", learn, METH_VARARGS, "Calls a function in a child that is thrown away, and remembers which pages that used."},
    {"serve", serve, METH_VARARGS, "Waits for requests; returns only in a child that is a sandbox's guest."},
    {nullptr, nullptr, 0, nullptr},
};
PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_kubecoderun", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__kubecoderun() { return PyModule_Create(&definition); }
