// The one thing a Python zygote cannot do in Python: be born into a sandbox.
//
// learn(rehearsal, program) calls rehearsal(program) in a child that is thrown away, to see which pages a guest uses.
//
// serve(fd) waits for requests on a socket and returns only in the child of a fork, which is by then a guest (zygote/zygote.h).

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <unistd.h>

#include "zygote/working_set.h"
#include "zygote/zygote.h"

namespace {

zygote::WorkingSet working_set;

zygote::Hooks hooks() {
  zygote::Hooks hooks;
  hooks.before = PyOS_BeforeFork;
  hooks.in_parent = PyOS_AfterFork_Parent;
  hooks.in_child = PyOS_AfterFork_Child;
  return hooks;
}

PyObject* learn(PyObject*, PyObject* arguments) {
  PyObject *rehearsal, *program;
  if (!PyArg_ParseTuple(arguments, "OO", &rehearsal, &program)) return nullptr;
  const int report = working_set.learn(hooks());
  if (report < 0) Py_RETURN_NONE;
  PyObject* result = PyObject_CallFunctionObjArgs(rehearsal, program, nullptr);
  if (result == nullptr) PyErr_Print();
  else zygote::report_working_set(report);
  ::_exit(0);
}

PyObject* serve(PyObject*, PyObject* arguments) {
  int socket;
  if (!PyArg_ParseTuple(arguments, "i", &socket)) return nullptr;
  zygote::serve(socket, working_set, hooks());
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
