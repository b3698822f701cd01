// What a Python zygote cannot do in Python: be born into a sandbox, and run a program with nothing below it.
//
// start(levels) makes a thread and forks from it. In the child Python makes that thread the main thread, whose stack begins here: a
// program sees no frame of ours, in tracebacks, in inspect.stack() or in how deep it may call. Everything else happens in that child and
// its forks; the process that was started only waits for its end. Because the child has one thread, there is nothing that Python
// would have to put right after each further fork: what it does then for libraries, once has to do, and touches 200 pages.
//
// levels() returns (socket, harness, told) in each process that is to serve. A guest (zygote/zygote.h) calls harness.begin(descriptor,
// descriptor), which waits for its program and returns its code and namespace, or nothing; runs that; calls harness.end(error) and
// harness.finish(status); and ends with that status. Before the first request one that nobody needs does the same with
// harness.rehearse() in the place of begin(), to see which pages guests use. Where `told` is true guests do what Python does
// after a fork all the same.

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>

#include "sandbox/guest/words.h"
#include "zygote/working_set.h"
#include "zygote/zygote.h"

namespace {

// As far as a main thread could raise its own. Only pages that are used exist.
constexpr std::size_t stack_bytes = 64 << 20;

zygote::Hooks all_that_python_does() {
  zygote::Hooks hooks;
  hooks.before = PyOS_BeforeFork;
  hooks.in_parent = PyOS_AfterFork_Parent;
  hooks.in_child = PyOS_AfterFork_Child;
  return hooks;
}

[[noreturn]] void give_up() {
  PyErr_Print();
  ::_exit(1);
}

// The exception that is being raised, with its traceback, which then is no longer raised.
PyObject* caught() {
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  if (trace != nullptr) PyException_SetTraceback(value, trace);
  Py_XDECREF(type);
  Py_XDECREF(trace);
  return value;
}

long number(PyObject* result) {
  if (result == nullptr) give_up();
  const long value = PyLong_AsLong(result);
  Py_DECREF(result);
  return value;
}

// Returns the status to end with. `begun` is what begin() or rehearse() returned.
int run_program(PyObject* harness, PyObject* begun) {
  if (begun == nullptr) give_up();
  PyObject* error = nullptr;
  PyObject *code, *names;
  if (begun != Py_None) {
    if (!PyArg_ParseTuple(begun, "OO", &code, &names)) give_up();
    PyObject* result = PyEval_EvalCode(code, names, names);
    if (result == nullptr) error = caught();
    Py_XDECREF(result);
  }
  const long status = number(PyObject_CallMethod(harness, "end", "O", error != nullptr ? error : Py_None));
  // The namespace is to end with its module, not with us.
  Py_XDECREF(error);
  Py_DECREF(begun);
  return static_cast<int>(number(PyObject_CallMethod(harness, "finish", "l", status)));
}

bool die_with(pid_t parent) { return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent; }

// Returns in a child that has nothing but this thread.
void go_on_alone() {
  PyOS_BeforeFork();
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    if (!die_with(parent)) ::_exit(1);
    PyOS_AfterFork_Child();
    return;
  }
  if (child < 0)
    std::perror("zygote: forking");
  else  // the sockets: their other ends are to notice when the child ends
    ::syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0u);
  while (child > 0 && ::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  ::_exit(1);
}

void* serve_in_thread(void* levels) {
  PyGILState_Ensure();
  go_on_alone();
  PyObject* task = PyObject_CallNoArgs(static_cast<PyObject*>(levels));
  int socket, told;
  PyObject* harness;
  if (task == nullptr || !PyArg_ParseTuple(task, "iOp", &socket, &harness, &told)) give_up();
  const zygote::Hooks hooks = told != 0 ? all_that_python_does() : zygote::Hooks{};
  static zygote::WorkingSet working_set;
  const int report = working_set.learn(hooks);
  if (report >= 0) {
    run_program(harness, PyObject_CallMethod(harness, "rehearse", nullptr));
    zygote::report_working_set(report);
    ::_exit(0);
  }
  if (PyObject* done = PyObject_CallMethod(harness, "serve", nullptr); done == nullptr) give_up();
  zygote::serve(socket, working_set, hooks);
  const int status =
      run_program(harness, PyObject_CallMethod(harness, "begin", "ii", ci::sandbox::from_agent, ci::sandbox::to_agent));
  // What C libraries have printed. Nothing else of exit(3), which would tear down every library of the zygote.
  std::fflush(nullptr);
  ::_exit(status);
}

PyObject* start(PyObject*, PyObject* levels) {
  void* stack = ::mmap(
      nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return PyErr_SetFromErrno(PyExc_OSError);
  const long page = ::sysconf(_SC_PAGESIZE);
  // A program that goes too deep crashes, and harms nothing.
  ::mprotect(stack, static_cast<std::size_t>(page), PROT_NONE);
  ::madvise(stack, stack_bytes, MADV_NOHUGEPAGE);  // each guest would copy two megabytes for its first page
  pthread_attr_t attributes;
  pthread_t thread;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstack(&attributes, stack, stack_bytes);
  errno = ::pthread_create(&thread, &attributes, serve_in_thread, levels);
  if (errno != 0) return PyErr_SetFromErrno(PyExc_OSError);
  Py_BEGIN_ALLOW_THREADS
  ::pthread_join(thread, nullptr);
  Py_END_ALLOW_THREADS
  Py_RETURN_NONE;
}

PyObject* die_with_parent(PyObject*, PyObject*) {
  if (!die_with(::getppid())) return PyErr_SetFromErrno(PyExc_OSError);
  Py_RETURN_NONE;
}

// Says of an error that it is ignored, as the interpreter does where nobody could catch it.
PyObject* write_unraisable(PyObject*, PyObject* arguments) {
  PyObject *error, *where;
  if (!PyArg_ParseTuple(arguments, "OO", &error, &where)) return nullptr;
  PyObject* trace = PyException_GetTraceback(error);
  Py_INCREF(error);
  PyErr_Restore(Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(error))), error, trace);
  PyErr_WriteUnraisable(where);
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"start", start, METH_O, "Serves requests for guests, each of which runs a program, in children; never returns."},
    {"die_with_parent", die_with_parent, METH_NOARGS, "Lets the kernel end this process when its parent ends."},
    {"write_unraisable", write_unraisable, METH_VARARGS, "Says of an error that it is ignored."},
    {nullptr, nullptr, 0, nullptr},
};
PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_kubecoderun", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__kubecoderun() { return PyModule_Create(&definition); }
