#include <iostream>
#include <string>
static std::string first = "first", file = __FILE__;
struct Loud { const char* name; Loud(const char* n) : name(n) { std::cout << "+" << name; } ~Loud() { std::cout << "-" << name; } };
Loud a("a"), b("b");
int main() { std::cout << first << file << __LINE__ << __func__; static Loud c("c"); return 300; }
