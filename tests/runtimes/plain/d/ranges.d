import std.algorithm, std.array, std.range, std.stdio, std.conv, std.string;
void main() {
    writeln(iota(1, 6).map!(n => n * n).filter!(n => n % 2).array, " ", "b a".split.sort.join("-"), to!int("42") + 1);
    int[string] counts;
    foreach (w; ["a", "b", "a"]) counts[w]++;
    writefln("%s %.2f %5d|", counts["a"], 1.5, 3);
}
