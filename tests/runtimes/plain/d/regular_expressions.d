import std.regex, std.stdio; void main() { foreach (m; "a1b22".matchAll(regex(`\d+`))) writeln(m.hit); auto r = ctRegex!`(a)(\d)`; writeln("a1".matchFirst(r)[2]); }
