#include <cstdio>
#include <cstdlib>
#include <iostream>
int main() { char name[L_tmpnam]; std::cout << (std::tmpnam(name) != nullptr) << "\n"; }
