#include <iostream>
#include <string>
int main() { std::string line; int n = 3; std::cout << bool(std::getline(std::cin, line)) << bool(std::cin >> n) << n << "\n"; }
