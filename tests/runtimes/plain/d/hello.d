import std.stdio; void main(string[] args) { writeln("hello ", args[1 .. $]); stderr.writeln("ä"); }
