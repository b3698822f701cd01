#include <iostream>
int main(int argc, char** argv) { for (int i = 1; i < argc; ++i) std::cout << '[' << argv[i] << "]\n"; std::cerr << "ä\n"; std::clog << "log\n"; }
