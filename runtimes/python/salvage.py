"""Reads a pickle of which some values cannot be read: a class that cannot be made again, a module whose file is gone.

Python's own unpickler stops at the first of them. This one, which is slower, puts a mark in the place of each thing that it cannot
make, goes on, and tells in the end which of the names reach a mark. The rest is what it was, and shared as it was."""

import gc
import pickle
import types


class Lost:
    """Stands for what could not be read."""

    __slots__ = ("what", "arguments")

    def __init__(self, what, arguments=()):
        self.what, self.arguments = what, arguments


def load(file, buffers, main):
    """Returns the dict without what was lost, and what was lost: name → what it needed."""
    unpickler = _Unpickler(file, buffers=buffers)
    values = unpickler.load()
    if type(values) is not dict:
        raise pickle.UnpicklingError("not a dict")
    search = _Search(unpickler.broken, main)
    kept, lost = {}, {}
    for name, value in values.items():
        reason = search.find(value)
        if reason is None:
            kept[name] = value
        else:
            lost[name] = reason
    return kept, lost


class _Unpickler(pickle._Unpickler):
    dispatch = dict(pickle._Unpickler.dispatch)

    def __init__(self, file, buffers):
        super().__init__(file, buffers=buffers)
        self.broken = {}  # id → (object, what): made, and then not as it should be

    def find_class(self, module, name):
        try:
            return super().find_class(module, name)
        except Exception:
            return Lost(f"{module}.{name}")

    def _make(self, what, function, *arguments, **keywords):
        """`what` is the callable that the program would know."""
        for part in (what, *arguments, *keywords.values()):
            if isinstance(part, Lost):
                return Lost(part.what, arguments)
            if id(part) in self.broken and not isinstance(part, type):
                return Lost(self.broken[id(part)][1], arguments)
        try:
            return function(*arguments, **keywords)
        except Exception as error:
            return Lost(_name_of(what, arguments) or type(error).__name__, arguments)

    def _break(self, target, what):
        if not isinstance(target, Lost):
            self.broken[id(target)] = target, what

    def load_reduce(self):
        arguments = self.stack.pop()
        function = self.stack[-1]
        self.stack[-1] = self._make(function, function, *arguments) if type(arguments) is tuple else Lost(_name_of(function))

    def load_newobj(self):
        arguments = self.stack.pop()
        cls = self.stack.pop()
        self.append(self._make(cls, lambda *given: cls.__new__(cls, *given), *arguments))

    def load_newobj_ex(self):
        keywords, arguments, cls = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.append(self._make(cls, lambda *given, **named: cls.__new__(cls, *given, **named), *arguments, **keywords))

    def _instantiate(self, cls, arguments):
        self.append(self._make(cls, cls, *arguments))

    def load_build(self):
        state, target = self.stack[-1], self.stack[-2]
        if isinstance(target, Lost) or isinstance(state, Lost):
            self.stack.pop()
            self._break(target, getattr(state, "what", None) or getattr(target, "what", ""))
            return
        depth = len(self.stack)
        try:
            super().load_build()
        except Exception:
            del self.stack[depth - 1 :]
            self._break(target, _name_of(type(target)))

    def load_pop(self):
        # What is made to be thrown away is the call of a setter: its first argument has not got its state.
        top = self.stack[-1] if self.stack else None
        if isinstance(top, Lost) and top.arguments:
            self._break(top.arguments[0], _name_of(top.arguments[0]) or top.what)
        super().load_pop()

    def _fill(self, items, method, fallback):
        target = self.stack[-1]
        try:
            if not isinstance(target, Lost):
                fill = getattr(target, method, None)
                if fill is not None:
                    fill(items)
                else:
                    for item in items:
                        getattr(target, fallback)(item)
        except Exception:
            self._break(target, _name_of(type(target)))

    def load_append(self):
        self._fill([self.stack.pop()], "extend", "append")

    def load_appends(self):
        self._fill(self.pop_mark(), "extend", "append")

    def load_additems(self):
        self._fill(self.pop_mark(), "update", "add")

    def load_setitem(self):
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def load_setitems(self):
        self._set(self.pop_mark())

    def _set(self, items):
        target = self.stack[-1]
        for key, value in zip(items[::2], items[1::2]):
            try:
                if not isinstance(target, Lost):
                    target[key] = value
            except Exception:
                self._break(target, _name_of(type(target)))

    for _opcode, _method in (
        (pickle.REDUCE, load_reduce), (pickle.NEWOBJ, load_newobj), (pickle.NEWOBJ_EX, load_newobj_ex), (pickle.BUILD, load_build),
        (pickle.POP, load_pop), (pickle.APPEND, load_append), (pickle.APPENDS, load_appends), (pickle.ADDITEMS, load_additems),
        (pickle.SETITEM, load_setitem), (pickle.SETITEMS, load_setitems),
    ):  # fmt: skip
        dispatch[_opcode[0]] = _method


def _name_of(function, arguments=()):
    """What a user would call the thing that was to be made."""
    if isinstance(function, Lost):
        return function.what
    name = getattr(function, "__name__", "")
    if name in ("_make_skeleton_class", "_make_class", "_make_skeleton_enum"):
        return next((text for text in arguments if isinstance(text, str)), name)
    if name in ("_function_setstate", "_class_setstate", "_set_state") and arguments:
        return getattr(arguments[0], "__qualname__", None) or type(arguments[0]).__qualname__
    return getattr(function, "__qualname__", name)


class _Search:
    """Looks for marks below values. Functions reach the namespace, which all of them share: what they find there counts when they are called."""

    def __init__(self, broken, main):
        self.broken = broken
        self.clean = {id(main.__dict__)}

    def find(self, value):
        seen, todo = set(), [value]
        while todo:
            value = todo.pop()
            number = id(value)
            if isinstance(value, Lost):
                return value.what
            if number in self.broken:
                return self.broken[number][1]
            if number in seen or number in self.clean or isinstance(value, types.ModuleType):
                continue
            if isinstance(value, type) and value.__module__ != "__main__":
                continue
            seen.add(number)
            todo.extend(gc.get_referents(value))
            if getattr(getattr(value, "dtype", None), "hasobject", False) and hasattr(value, "ravel"):
                todo.extend(value.ravel().tolist())  # arrays do not show their objects
        self.clean |= seen
        return None
