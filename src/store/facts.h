#pragma once
// What operators may know of a store that answers.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace ci::store {

struct Fact {
  // Made in place: GCC 12 takes a variant that is moved for one that was never set.
  template <class Value>
  Fact(std::string fact_name, Value&& fact_value)
      : name(std::move(fact_name)), value(std::forward<Value>(fact_value)) {}
  std::string name;
  std::variant<bool, std::int64_t, double, std::string> value;
};
using Facts = std::vector<Fact>;

}  // namespace ci::store
