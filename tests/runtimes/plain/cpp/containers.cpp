#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>
int main() {
  std::map<std::string, int> counts;
  for (const auto& word : {"a", "b", "a"}) ++counts[word];
  for (const auto& [word, count] : counts) std::cout << word << count << ' ';
  std::vector<int> v(5);
  std::iota(v.begin(), v.end(), 1);
  std::cout << std::accumulate(v.begin(), v.end(), 0) << *std::max_element(v.begin(), v.end()) << *std::make_unique<int>(4) << "\n";
  std::cout << v.at(9);
}
