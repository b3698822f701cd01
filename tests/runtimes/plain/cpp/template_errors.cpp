#include <string>
#include <vector>
template <class T> T twice(T x) { return x + x; }
struct Empty {};
int main() { std::vector<int> v = std::string("x"); twice(Empty{}); undefined(); }
