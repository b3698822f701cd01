import __main__, gc, importlib, inspect, pkgutil, platform, sys, types
class A:
    """A doc."""
    def f(self, x: int = 1, *args, k, **kw) -> str: ...
print(inspect.signature(A.f), inspect.getdoc(A), inspect.getsourcelines(A)[1], inspect.getmodule(A) is sys.modules["__main__"], inspect.getfile(A))
print(__main__ is sys.modules["__main__"], __main__.A is A, importlib.import_module("__main__") is __main__)
print(gc.isenabled(), gc.get_threshold(), sys.gettrace(), sys.getprofile(), sys.getswitchinterval(), sys.is_finalizing())
print(platform.python_implementation(), platform.python_version() == sys.version.split()[0], sys.byteorder, sys.maxsize, sys.hash_info.width, sys.float_info.max)
print(sys.get_int_max_str_digits(), sys.getallocatedblocks() > 0, sys.intern("x") is sys.intern("x"), sys.thread_info, sys.implementation.cache_tag)
try:
    int("1" * 5000)
except ValueError as error:
    print(error)
print(inspect.currentframe().f_code.co_name, inspect.currentframe().f_back, inspect.currentframe().f_code.co_filename)
exec("def g(): raise KeyError('in exec')")
g()
