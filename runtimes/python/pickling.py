"""How the values of a session are pickled: as cloudpickle does it, and the values that cloudpickle or Python's own pickle write but cannot
read, or do not write at all, in another way.

What reads them may be another version of this program, or another program: everything is made of calls to the standard library and
to cloudpickle, or of the small functions below, which are pickled with their code."""

import _thread
import copyreg
import dataclasses
import gc
import functools
import io
import operator
import pickle
import re
import socket
import struct
import subprocess
import sys
import threading
import types
import typing
import weakref

import cloudpickle
import trees
from cloudpickle.cloudpickle import _make_skeleton_class

EARLIER = "<earlier run>"  # the file that functions of earlier runs claim to be from: its text is gone
SCRIPT = "/mnt/data/.code.py"

# What belongs to a running program and means nothing to the next.
NEVER_KEPT = (
    io.IOBase, socket.socket, threading.Thread, subprocess.Popen, types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType,
    types.FrameType, types.TracebackType,
)  # fmt: skip
KEPT_ALL_THE_SAME = (io.BytesIO, io.StringIO)


def is_never_kept(value):
    return isinstance(value, NEVER_KEPT) and not isinstance(value, KEPT_ALL_THE_SAME) and _name_of_stream(value) is None


def _name_of_stream(value):
    """Each program has three of its own: they are kept by what sys calls them."""
    return next((name for name in ("__stdin__", "__stdout__", "__stderr__") if value is getattr(sys, name, None)), None)


# ---- used while reading ---------------------------------------------------------------------------------------------


def _set_state(target, state):
    # Without asking the object for __setstate__: it may answer with an attribute of what it does not have yet.
    values, slots = state if type(state) is tuple and len(state) == 2 else (state, None)
    if values:
        object.__getattribute__(target, "__dict__").update(values)
    for name, value in (slots or {}).items():
        object.__setattr__(target, name, value)


def _make_class(make, *arguments):
    """Makes a class whose bases or metaclass want to be told of new classes: they were, in the run that made it."""
    import types

    bases, silenced = arguments[2], []
    for base in {above: None for base in bases for above in getattr(base, "__mro__", ())}:
        if base.__module__ == "__main__" and "__init_subclass__" in base.__dict__:
            silenced.append((base, base.__dict__["__init_subclass__"]))
            base.__init_subclass__ = classmethod(lambda cls, **keywords: None)
    try:
        return make(*arguments)
    except TypeError:
        if arguments[0].__module__ != "__main__":
            raise
        # The metaclass has a __new__ that wants more.
        return type.__new__(arguments[0], arguments[1], types.resolve_bases(bases), dict(arguments[3]))
    finally:
        for base, method in silenced:
            base.__init_subclass__ = method


# ---- types that are known --------------------------------------------------------------------------------------------


def _refuse(value):
    raise pickle.PicklingError("it belongs to a running program")


def _reduce_stream(stream):
    name = _name_of_stream(stream)
    return _refuse(stream) if name is None else (getattr, (sys, name))


def _reduce_code(code):
    if code.co_filename == SCRIPT:
        code = code.replace(co_filename=EARLIER)
    return cloudpickle.CloudPickler.dispatch_table[types.CodeType](code)


def _reduce_cached_function(function):
    parameters = function.cache_parameters()
    arguments = function.__wrapped__, parameters["maxsize"], parameters["typed"], functools._CacheInfo
    return type(function), arguments, dict(function.__dict__)


def _reduce_match(match):
    for method in (match.re.search, match.re.match, match.re.fullmatch):
        again = method(match.string, match.pos, match.endpos)
        if again is not None and again.regs == match.regs:
            return method, (match.string, match.pos, match.endpos)
    again = match.re.match(match.string, match.start(), match.endpos)  # one of many that finditer found
    if again is None or again.regs != match.regs:
        raise pickle.PicklingError("it cannot be found again")
    return match.re.match, (match.string, match.start(), match.endpos)


def _reduce_cached_property(prop):
    state = {name: value for name, value in prop.__dict__.items() if name != "lock"}
    return type(prop), (prop.func,), state


def _reduce_new_type(new_type):
    return typing.NewType, (new_type.__name__, new_type.__supertype__), {"__module__": new_type.__module__, "__qualname__": new_type.__qualname__}


def _reduce_param_spec(spec):
    keywords = {"bound": spec.__bound__, "covariant": spec.__covariant__, "contravariant": spec.__contravariant__}
    return functools.partial(typing.ParamSpec, spec.__name__, **keywords), ()


def _reduce_weak_dict(weak):
    return type(weak), (dict(weak.items()),)


def _reduce_reference(reference):
    target = reference()
    if target is None:
        raise pickle.PicklingError("what it refers to is gone")
    return type(reference), (target,)


def _reduce_proxy(proxy):
    # What is below it, which others may hold as well, and not a copy.
    return types.MappingProxyType, (gc.get_referents(proxy)[0],)


REDUCERS = {
    types.CodeType: _reduce_code,
    io.TextIOWrapper: _reduce_stream,
    threading.Thread: _refuse,
    subprocess.Popen: _refuse,
    functools._lru_cache_wrapper: _reduce_cached_function,
    functools.cached_property: _reduce_cached_property,
    re.Match: _reduce_match,
    struct.Struct: lambda layout: (struct.Struct, (layout.format,)),
    # Whoever held one has ended with the run.
    _thread.LockType: lambda lock: (threading.Lock, ()),
    type(threading.RLock()): lambda lock: (threading.RLock, ()),
    weakref.WeakKeyDictionary: _reduce_weak_dict,
    weakref.WeakValueDictionary: _reduce_weak_dict,
    weakref.ref: _reduce_reference,
    types.MappingProxyType: _reduce_proxy,
    typing.NewType: _reduce_new_type,
    typing.ParamSpec: _reduce_param_spec,
}
if hasattr(typing, "TypeVarTuple"):
    REDUCERS[typing.TypeVarTuple] = lambda variable: (typing.TypeVarTuple, (variable.__name__,))


# Objects that dataclasses compares with by identity.
MARKS = {id(mark): name for name, mark in vars(dataclasses).items() if name in ("MISSING", "KW_ONLY") or name.startswith(("_HAS_DEFAULT", "_FIELD")) and not isinstance(mark, (str, type))}
REDUCERS |= {type(mark): lambda mark: (getattr, (dataclasses, MARKS[id(mark)])) for mark in vars(dataclasses).values() if id(mark) in MARKS}


def _reducers_of_libraries():
    """For types of libraries that are loaded by now."""
    found = {}
    if "lxml.etree" in sys.modules:
        found.update(trees.lxml_reducers())
    if "bs4" in sys.modules:
        found.update(trees.bs4_reducers())
    return found


# ---- classes of the session, and their instances ---------------------------------------------------------------------


def _names_of_class(cls):
    # cloudpickle leaves out what a class has in common with its base, which is the module where both were made, and its longer
    # name: a class that is read would be one of the module `types`, whose code makes it.
    return {"__module__": cls.__module__, "__qualname__": cls.__qualname__}


def _reduce_class(cls, reduced):
    """What to do instead of what cloudpickle would do, when reading that would fail."""
    if reduced[0] is not _make_skeleton_class:
        return reduced
    maker, arguments = reduced[0], list(reduced[1])
    arguments[3] = {**arguments[3], **_names_of_class(cls)}
    if typing.NamedTuple in arguments[2]:  # it is no base, but a function that made the class
        arguments[2] = cls.__bases__
    told = any("__init_subclass__" in base.__dict__ and base.__module__ == "__main__" for base in cls.__mro__[1:])
    if told or type(cls).__module__ == "__main__":
        maker, arguments = _make_class, [maker, *arguments]
    return (maker, tuple(arguments), *reduced[2:])


def _reduce_ctypes_class(cls):
    ctypes = sys.modules["ctypes"]
    for public in (ctypes.Structure, ctypes.Union, ctypes.Array, ctypes.c_int, ctypes._Pointer, ctypes._CFuncPtr):
        if cls is type(public):  # the module does not show it
            return type, (public,)
    if isinstance(cls, type(ctypes.Array)) and "_length_" in cls.__dict__ and cls.__name__ == f"{cls._type_.__name__}_Array_{cls._length_}":
        return operator.mul, (cls._type_, cls._length_)
    if cls.__module__ != "__main__" or not isinstance(cls, (type(ctypes.Structure), type(ctypes.Union))):
        return None
    fields = {field[0] for field in cls.__dict__.get("_fields_", ())}
    names = {name: value for name, value in cls.__dict__.items() if name not in fields and name not in ("__dict__", "__weakref__")}
    return type(cls), (cls.__name__, cls.__bases__, names | _names_of_class(cls))


IMMUTABLE = (tuple, str, bytes, int, float, complex, frozenset)


def _own(kind, name):
    """The method of this name when some class in Python defines it."""
    method = getattr(kind, name, None)
    return method if isinstance(method, types.FunctionType) else None


def _builtin_base(kind):
    return next(base for base in kind.__mro__ if not base.__flags__ & HEAP_TYPE)


HEAP_TYPE = 1 << 9  # made by a class statement, see Include/object.h


def _plan(kind):
    """A reducer for instances of a class, when Python's own way would write what cannot be read."""
    if not kind.__flags__ & HEAP_TYPE or kind.__reduce_ex__ is not object.__reduce_ex__ or kind in copyreg.dispatch_table:
        return None
    if issubclass(kind, BaseException):
        base = _builtin_base(kind)
        if kind.__reduce__ is base.__reduce__ and (_own(kind, "__init__") or _own(kind, "__new__")):
            return lambda error: _reduce_error(error, kind, base)
        return None
    if kind.__reduce__ not in (object.__reduce__, frozenset.__reduce__):
        return None
    if issubclass(kind, IMMUTABLE) and _own(kind, "__new__") and not _own(kind, "__getnewargs__") and not hasattr(kind, "__getnewargs_ex__"):
        base = _builtin_base(kind)
        return lambda value: (base.__new__, (kind, base(value)), getattr(value, "__dict__", None) or None)
    if kind.__module__ == "__main__" and (_own(kind, "__getattr__") or _own(kind, "__getattribute__")) and not hasattr(kind, "__setstate__"):
        return _reduce_evasive
    return None


def _reduce_error(error, kind, base):
    # By default the class would be called with what its __init__ has given to that of the base.
    members = {name for above in base.__mro__ for name, member in vars(above).items() if type(member) is types.MemberDescriptorType}
    slots = {name: getattr(error, name) for name in members if not name.startswith("_") and getattr(error, name, None) is not None}
    return base.__new__, (kind, *error.args), (error.__dict__, slots | {"args": error.args}), None, None, _set_state


def _reduce_evasive(value):
    reduced = object.__reduce_ex__(value, 5)
    if len(reduced) < 3 or reduced[2] is None:
        return reduced
    return (*reduced, *(None,) * (5 - len(reduced)), _set_state)


# ---- the pickler -----------------------------------------------------------------------------------------------------


class _Namespace:
    """Pickles as the namespace of the program that reads it."""

    def __init__(self, main):
        self.main = main

    def __reduce__(self):
        return getattr, (self.main, "__dict__")


class Pickler(cloudpickle.CloudPickler):
    """Functions of the session do not take their globals along: they find those of the session they are read into."""

    def __init__(self, file, main, kept):
        self.dispatch_table = cloudpickle.CloudPickler.dispatch_table.new_child(REDUCERS | _reducers_of_libraries())
        super().__init__(file, protocol=5)
        self._main, self._kept = main, kept
        self.globals_ref[id(main.__dict__)] = _Namespace(main)
        self._types, self._names, self._plans, self._cells = set(), set(), {}, {}

    def reducer_override(self, obj):
        kind = type(obj)
        if isinstance(obj, type):
            self._types.add(obj)
            if "_ctypes" in (kind.__module__, obj.__module__) and (reduced := _reduce_ctypes_class(obj)):
                return reduced
            reduced = super().reducer_override(obj)
            return _reduce_class(obj, reduced) if type(reduced) is tuple else reduced
        self._types.add(kind)
        if kind is types.FunctionType:
            self._names.add(obj.__module__)
            if obj.__module__ == __name__:
                return self._dynamic_function_reduce(obj)
            return super().reducer_override(obj)
        if kind is types.BuiltinFunctionType:
            self._names.add(obj.__module__)
            return NotImplemented
        try:
            plan = self._plans[kind]
        except KeyError:
            plan = self._plans[kind] = None if kind in self.dispatch_table else _plan(kind)
        return NotImplemented if plan is None else plan(obj)

    def _function_getnewargs(self, func):
        # Functions that share variables of an outer one share them when they are read: cloudpickle makes new cells for each.
        *arguments, closure = super()._function_getnewargs(func)
        if closure is not None:
            closure = tuple(self._cells.setdefault(id(cell), (empty, cell))[0] for cell, empty in zip(func.__closure__, closure))
        return *arguments, closure

    def _dynamic_function_reduce(self, func):
        reduced = list(super()._dynamic_function_reduce(func))
        if func.__globals__ is self._main.__dict__:
            slots = reduced[2][1]
            slots["__globals__"] = {
                name: value
                for name, value in slots["__globals__"].items()
                if name not in self._kept and not isinstance(value, types.ModuleType) and not is_never_kept(value)
            }
            slots["_cloudpickle_submodules"] = []
        return tuple(reduced)

    def needed(self, modules):
        """Top-level modules outside of the standard library that reading will import, or code is likely to use."""
        names = self._names.union(getattr(kind, "__module__", None) for kind in self._types)
        names.update(modules["bound"].values() if modules else ())
        names = {name.partition(".")[0] for name in names if type(name) is str}
        return sorted(names - sys.stdlib_module_names - {"cloudpickle", "__main__", "state", __name__})
