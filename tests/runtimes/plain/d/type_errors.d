import std.stdio;
int f() { return "text"; }
void main() { writeln(undefined); string s = 3; }
