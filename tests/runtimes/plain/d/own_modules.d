import std.stdio, pkg.tool, lone;
void main() { writeln(twice(4), " ", hello()); }
