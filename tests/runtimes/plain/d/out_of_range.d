import std.stdio;
void main() {
    int[] a = [1];
    size_t i = a.length + 3;
    writeln("before");
    writeln(a[i]);
}
