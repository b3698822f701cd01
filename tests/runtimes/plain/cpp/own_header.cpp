#include <iostream>

#include "vec.hpp"

int main() { std::cout << Vec<int>{1, 2}.sum() << ' ' << __FILE__ << '\n'; }
