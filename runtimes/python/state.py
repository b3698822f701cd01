"""What stays of a Python session from one run to the next: read before a program, written after it (form.py).

Modules are not values: an entry of the dict of values (MODULES) says which names were bound to them.

All of this runs in a sandbox, with the rights of the program whose state it is.
"""

import gc
import io
import os
import sys
import types
import warnings

import form

try:
    import pickling
except ImportError:  # cloudpickle is not installed: nothing is kept then
    pickling = None

MODULES = "_kubecoderun_modules"
WRITING_SHARE = 0.6  # a larger pickle is not written


# ---- reading --------------------------------------------------------------------------------------------------------


def restore(fd, main, code, memory):
    """Fills the namespace of `main`, for which `code` will run, in a sandbox of that much memory. Returns what capture() wants to
    know, and the names whose values could not be read, with what each of them needed.

    Raises whatever reading raises; the namespace may then hold anything."""
    before = form.Before(fd, memory)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are not the program's
        values, lost = before.load(main)
        while lost:
            # A method that is called while reading may need a module or another value of the program, which is there by now.
            _fill(main, values, code, before)
            try:
                again, still_lost = before.load(main)
            except Exception:  # no memory for a second one
                break
            if len(still_lost) >= len(lost):
                break
            values, lost = again, still_lost
    if type(values) is not dict:
        raise form.Damaged("not a dict")
    _fill(main, values, code, before)
    for name in lost:
        main.__dict__.pop(name, None)
    return before, lost


def _fill(main, values, code, before):
    main.__dict__.update((name, value) for name, value in values.items() if type(name) is str and not name.startswith("_"))
    modules = values.get(MODULES)
    before.submodules = _restore_modules(main.__dict__, modules, code) if type(modules) is dict else []


# ---- modules --------------------------------------------------------------------------------------------------------


class _Later(types.ModuleType):
    """Stands for a module that takes time to import, until somebody asks it for something."""

    def __getattr__(self, attribute):
        return getattr(self._arrive(), attribute)

    def __dir__(self):
        return dir(self._arrive())

    def _arrive(self):
        namespace, submodules = self.__dict__["_waiting"]
        module = _import(self.__name__, submodules)
        for name, value in list(namespace.items()):
            if value is self:
                namespace[name] = module
        return module


def _import(name, submodules):
    __import__(name)
    for submodule in submodules:
        if submodule.startswith(name + "."):
            try:
                __import__(submodule)
            except Exception:
                pass
    return sys.modules[name]


def _restore_modules(namespace, modules, code):
    bound, submodules = modules.get("bound", {}), modules.get("submodules", [])
    wanted = names_in(code) if any(name not in sys.modules for name in bound.values()) else ()
    waiting = {}
    for alias, name in bound.items():
        try:
            if name in sys.modules or alias in wanted:
                namespace[alias] = _import(name, submodules)
            else:
                if name not in waiting:
                    waiting[name] = _Later(name)
                    waiting[name].__dict__["_waiting"] = (namespace, submodules)
                namespace[alias] = waiting[name]
        except Exception:
            pass
    return submodules


def names_in(code):
    """Every name that the code, or code within it, uses. Dotted ones are of import statements."""
    names, todo = set(), [code]
    while todo:
        code = todo.pop()
        names.update(code.co_names)
        todo.extend(constant for constant in code.co_consts if type(constant) is types.CodeType)
    return names


def _bound_modules(namespace, code, submodules):
    bound = {
        name: value.__name__
        for name, value in namespace.items()
        if isinstance(value, types.ModuleType) and not name.startswith("_") and _is_importable(value)
    }
    if not bound:
        return None
    roots = {name.partition(".")[0] for name in bound.values()}
    dotted = {name for name in names_in(code) if "." in name and name in sys.modules}.union(submodules)
    return {"bound": bound, "submodules": sorted(name for name in dotted if name.partition(".")[0] in roots)}


def _is_importable(module):
    name = getattr(module, "__name__", None)
    return type(name) is str and name != "__main__" and (type(module) is _Later or sys.modules.get(name) is module)


# ---- writing --------------------------------------------------------------------------------------------------------


class LeftOut:
    """A value that is not kept. Its name is empty when it is all of them."""

    def __init__(self, name, value, why):
        self.name, self.kind, self.why = name, type(value).__name__, str(why)[:100]
        self.is_over = _is_over(value)

    def __str__(self):
        return f"Cannot serialize '{self.name}' ({self.kind}): {self.why}"


def _stands_on_a_closed_file(value):
    """Whether all that it could do needs a file that is closed: a writer of csv, say, or what holds one."""
    near, seen = [value], 0
    while near and seen < 64:
        one = near.pop(0)
        seen += 1
        if isinstance(one, (type, types.ModuleType, types.FunctionType, str, bytes)):
            continue
        if isinstance(one, io.IOBase):
            return one.closed
        if isinstance(one, types.BuiltinMethodType):  # of the file, as the writer calls it
            near.append(one.__self__)
        elif seen < 8:
            near.extend(gc.get_referents(one))
    return False


def _is_over(value):
    """Whether nobody can miss it: a closed file, a generator that has come to its end."""
    try:
        if isinstance(value, io.IOBase):
            return value.closed
        for finished in ("gi_frame", "cr_frame", "ag_frame"):
            if hasattr(value, finished):
                return getattr(value, finished) is None
        if isinstance(value, (types.FrameType, types.TracebackType)):
            return True
        if hasattr(value, "is_alive"):
            return not value.is_alive()
        if getattr(value, "_shutdown", False) is True or getattr(value, "_state", None) in ("CLOSE", "TERMINATE"):  # pools
            return True
        return getattr(value, "returncode", None) is not None or _stands_on_a_closed_file(value)
    except Exception:
        return False


def capture(fd, main, code, before, memory):
    """Writes what the namespace holds to `fd`, a memory file one byte larger than the largest state, and cuts that to
    size: 0 bytes when there is nothing to keep, 1 when nothing has changed since `before`. A file whose size did not
    change is of no use: the state was too large. No sandbox has more than `memory` bytes for reading it again.

    Returns names of modules that reading it will need, and what was left out and why."""
    if pickling is None:
        return [], [LeftOut("", None, "cloudpickle is not installed")]
    namespace = {name: value for name, value in main.__dict__.copy().items() if type(name) is str and not name.startswith("_")}
    modules = _bound_modules(namespace, code, before.submodules if before else ())
    values = {name: value for name, value in namespace.items() if not isinstance(value, types.ModuleType)}
    if not values and not modules:
        os.ftruncate(fd, 0)
        return [], []
    sink, needed, left_out = _pickle(values, modules, main)
    if sink is None:
        os.ftruncate(fd, 0)
        return [], left_out
    sink.finish()
    if before and before.pristine is not None and form.is_same(sink.pieces, sink.size, before.pristine):
        os.ftruncate(fd, 1)
    elif sink.size > WRITING_SHARE * memory:
        left_out.append(LeftOut("", None, f"they are {sink.size >> 20} MB, and a run has {int(memory) >> 20} MB in all"))
    else:
        try:
            if not form.write(fd, sink):
                left_out.append(LeftOut("", None, f"they are {sink.size >> 20} MB, more than a session may keep"))
        except OSError as error:
            left_out.append(LeftOut("", None, error))
    return needed, left_out


class _Nowhere:
    def write(self, data):
        pass


class _Items:
    """Pickles as the dict of these items, and knows which of them is at work."""

    def __init__(self, items):
        self.items = items
        self.at_work = []

    def __reduce__(self):
        return dict, (), None, None, self._each()

    def _each(self):
        for name, value in self.items.items():
            # The pickler asks for a second one before it writes the first.
            self.at_work = [*self.at_work[-1:], name]
            yield name, value


def _pickle(values, modules, main):
    left_out = []
    for name, value in list(values.items()):
        if pickling.is_never_kept(value):
            left_out.append(LeftOut(name, values.pop(name), "it belongs to a running program"))
    while values or modules:
        sink = form.Sink()
        pickler = pickling.Pickler(sink, main, values.keys())
        items = _Items({**values, MODULES: modules} if modules else values)
        try:
            pickler.dump(items)
            return sink, pickler.needed(modules), left_out
        except TimeUp:
            raise
        except BaseException as error:
            culprits = [name for name in items.at_work if name in values and _fails(name, values, main)] or items.at_work[-1:]
            for name in culprits:
                left_out.append(LeftOut(name, values.pop(name, None), error))
                if name == MODULES:
                    modules = None
    return None, [], left_out


def _fails(name, values, main):
    try:
        pickling.Pickler(_Nowhere(), main, values.keys()).dump(values[name])
        return False
    except TimeUp:
        raise
    except BaseException:
        return True


class TimeUp(BaseException):
    """Raised in the middle of a capture by whoever limits its time."""


