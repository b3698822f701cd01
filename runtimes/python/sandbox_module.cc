// What a Python zygote cannot do in Python: be born into a sandbox, and run a program with nothing below it.
//
// serve(socket, harness, program) serves requests for guests and never returns. A guest (zygote/zygote.h) calls
// harness.begin(descriptor, descriptor), which waits for its program and returns its code and namespace, or nothing; runs that; calls
// harness.end(error) and harness.finish(status); and ends with that status. Before the first request one that nobody needs does
// the same with harness.rehearse(program) in the place of begin(), to see which pages guests use.
//
// All of this happens in a thread of its own, whose child a guest is. Python makes the forking thread the main thread of the
// child, and its stack begins here: a program sees no frame of ours, in tracebacks, in inspect.stack() or in how deep it may
// call. The thread of the zygote's own program only waits, so that a fork finds no lock held.

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>

#include "sandbox/guest/words.h"
#include "zygote/working_set.h"
#include "zygote/zygote.h"

namespace {

constexpr std::size_t stack_bytes = 64 << 20;  // as far as a main thread could raise its own; only pages that are used exist

zygote::Hooks hooks() {
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

struct Task {
  int socket;
  PyObject* harness;
  const char* program;
};

void* serve_in_thread(void* argument) {
  const Task& task = *static_cast<const Task*>(argument);
  PyGILState_Ensure();
  static zygote::WorkingSet working_set;
  const int report = working_set.learn(hooks());
  if (report >= 0) {
    run_program(task.harness, PyObject_CallMethod(task.harness, "rehearse", "s", task.program));
    zygote::report_working_set(report);
    ::_exit(0);
  }
  zygote::serve(task.socket, working_set, hooks());
  const int status = run_program(task.harness, PyObject_CallMethod(task.harness, "begin", "ii", ci::sandbox::from_agent, ci::sandbox::to_agent));
  std::fflush(nullptr);  // what C libraries have printed; nothing else of exit(3), which would tear down every library of the zygote
  ::_exit(status);
}

PyObject* serve(PyObject*, PyObject* arguments) {
  Task task{};
  if (!PyArg_ParseTuple(arguments, "iOs", &task.socket, &task.harness, &task.program)) return nullptr;
  void* stack = ::mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return PyErr_SetFromErrno(PyExc_OSError);
  const long page = ::sysconf(_SC_PAGESIZE);
  ::mprotect(stack, static_cast<std::size_t>(page), PROT_NONE);  // a program that goes too deep crashes, and harms nothing
  ::madvise(stack, stack_bytes, MADV_NOHUGEPAGE);                 // each guest would copy two megabytes for its first page
  pthread_attr_t attributes;
  pthread_t thread;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstack(&attributes, stack, stack_bytes);
  errno = ::pthread_create(&thread, &attributes, serve_in_thread, &task);
  if (errno != 0) return PyErr_SetFromErrno(PyExc_OSError);
  Py_BEGIN_ALLOW_THREADS
  ::pthread_join(thread, nullptr);
  Py_END_ALLOW_THREADS
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
    {"serve", serve, METH_VARARGS, "Serves requests for guests, each of which runs a program; never returns."},
    {"write_unraisable", write_unraisable, METH_VARARGS, "Says of an error that it is ignored."},
    {nullptr, nullptr, 0, nullptr},
};
PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_kubecoderun", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__kubecoderun() { return PyModule_Create(&definition); }
