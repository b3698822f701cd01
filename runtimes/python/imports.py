"""Waits for modules to be imported, by the zygote or by a program."""

import sys


def when_imported(name, attach):
    """Calls attach(module) once the module has been imported, which may be now."""
    if name in sys.modules:
        attach(sys.modules[name])
    else:
        sys.meta_path.insert(0, _Finder(name, attach))


class _Finder:
    def __init__(self, name, attach):
        self.name, self.attach = name, attach

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                break
        else:
            return None
        execute = spec.loader.exec_module

        def execute_and_attach(module):
            del spec.loader.exec_module
            execute(module)
            self.attach(module)

        spec.loader.exec_module = execute_and_attach
        return spec
