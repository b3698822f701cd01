#include <cstdio>
int main() { try { throw 3; } catch (const char*) { std::puts("never"); } }
