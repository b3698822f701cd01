#pragma once
// What operators may know of a store that answers.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace ci::store {

struct Fact {
  Fact(std::string fact_name, std::variant<bool, std::int64_t, double, std::string> fact_value)
      : name(std::move(fact_name)), value(std::move(fact_value)) {}
  std::string name;
  std::variant<bool, std::int64_t, double, std::string> value;
};
using Facts = std::vector<Fact>;

}  // namespace ci::store
