#include <iostream>
int f(int x) { if (x) return 1; }
int main() { unsigned char c = 300; std::cout << "fine" << int(c) << std::endl; }
