class Quiet(Exception):
    def __str__(self):
        raise RuntimeError("no words")
class Outer:
    class Inner(Exception):
        pass
def f():
    try:
        raise Outer.Inner("a\nb")
    except Outer.Inner as error:
        raise Quiet("q") from None
try:
    f()
except Quiet:
    pass
import traceback
try:
    raise Outer.Inner("multi\nline ž")
except Outer.Inner:
    traceback.print_exc()
    print(traceback.format_exc().count("\n"))
raise Quiet()
