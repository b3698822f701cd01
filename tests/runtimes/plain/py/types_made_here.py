import copy, dataclasses, enum, functools, pickle, typing
T = typing.TypeVar("T")
@dataclasses.dataclass(frozen=True, slots=True)
class Point(typing.Generic[T]):
    x: T
    y: T = None
class Color(enum.Flag):
    RED = enum.auto()
    BLUE = enum.auto()
class Row(typing.NamedTuple):
    a: int
    b: str = "x"
print(pickle.loads(pickle.dumps([Point(1, 2), Color.RED | Color.BLUE, Row(1)])), copy.deepcopy(Point([1])))
@functools.singledispatch
def show(x): return "any"
@show.register
def _(x: int): return "int"
print(show(1), show(""), typing.get_type_hints(Row), Point[int])
try:
    Point(1).x = 2
except dataclasses.FrozenInstanceError as error:
    print(type(error), error)
