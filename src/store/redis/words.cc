#include "store/redis/words.h"

#include <algorithm>
#include <string_view>

namespace ci::store::redis {

// Redis takes no life of nothing; what has none is as good as gone.
std::string life_text(const Ttl& ttl) {
  return std::to_string(std::max<std::chrono::milliseconds::rep>(ttl->count(), 1));
}

void add_steps(const Write& write, const std::string& key, std::vector<Step>& steps) {
  switch (write.kind) {
    case Write::Kind::set:
      if (write.ttl && write.ttl->count() <= 0) {
        steps.push_back({"DEL", key});
      } else if (write.ttl) {
        steps.push_back({"SET", key, write.value, "PX", life_text(write.ttl)});
      } else {
        steps.push_back({"SET", key, write.value});
      }
      return;
    case Write::Kind::set_fields: {
      Step words = {"HSET", key};
      for (const auto& [name, value] : write.fields) {
        words.push_back(name);
        words.push_back(value);
      }
      if (!write.fields.empty()) steps.push_back(std::move(words));
      // Not above zero: removes it.
      if (write.ttl) steps.push_back({"PEXPIRE", key, std::to_string(write.ttl->count())});
      return;
    }
    case Write::Kind::add_to_field:
      steps.push_back({"HINCRBY", key, write.fields.front().first, write.fields.front().second});
      return;
    case Write::Kind::remove:
      steps.push_back({"DEL", key});
      return;
    case Write::Kind::add_member:
      steps.push_back({"SADD", key, write.value});
      return;
    case Write::Kind::remove_member:
      steps.push_back({"SREM", key, write.value});
      return;
    case Write::Kind::expire:
      if (write.ttl) {
        steps.push_back({"PEXPIRE", key, std::to_string(write.ttl->count())});
      } else {
        steps.push_back({"PERSIST", key});
      }
      return;
  }
}

void add_commands(const Write& write, const std::string& key, std::vector<Command>& commands) {
  std::vector<Step> steps;
  add_steps(write, key, steps);
  for (const Step& step : steps) commands.push_back(Command(std::vector<std::string_view>(step.begin(), step.end())));
}

}  // namespace ci::store::redis
