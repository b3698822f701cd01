#include <cstdlib>
#include <iostream>
struct Last { ~Last() { std::cout << "destroyed\n"; } } last;
int main() { std::cout << "before"; std::exit(7); }
