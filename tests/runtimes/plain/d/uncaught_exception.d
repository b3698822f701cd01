import std.stdio;
void f(int n) { throw new Exception("bad thing"); }
void main() {
    writeln("before");
    f(3);
}
