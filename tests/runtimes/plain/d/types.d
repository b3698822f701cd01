import std.stdio;
interface Shape { double area(); }
class Square : Shape { double side; this(double s) { side = s; } double area() { return side * side; } ~this() {} }
struct Point(T) { T x, y; auto opBinary(string op)(Point r) { mixin("return Point(x " ~ op ~ " r.x, y " ~ op ~ " r.y);"); } }
void main() { Shape s = new Square(2); writeln(s.area, Point!int(1, 2) + Point!int(3, 4), typeid(s)); }
