import std.stdio; void main() { writeln(readln().length, stdin.eof, stdin.byLine.empty); }
