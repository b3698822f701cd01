import std.stdio; void main() { assert(1 + 1 == 3, "arithmetic"); }
