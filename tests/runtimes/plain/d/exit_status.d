import std.stdio; int main() { scope(exit) writeln("last"); writeln("before"); return 7; }
