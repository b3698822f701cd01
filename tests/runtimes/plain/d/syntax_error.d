import std.stdio;
void main() {
    int x = 1
    writeln(x);
}
