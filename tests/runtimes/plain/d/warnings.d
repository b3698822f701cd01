import std.stdio;
deprecated("use g") void f() {}
void main() { f(); writeln("fine"); }
