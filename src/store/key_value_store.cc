#include "store/key_value_store.h"

namespace ci::store {

Write Write::set(std::string key, std::string value, Ttl ttl) {
  Write write(Kind::set, std::move(key));
  write.value = std::move(value);
  write.ttl = ttl;
  return write;
}

Write Write::set_fields(std::string key, Fields fields, Ttl ttl) {
  Write write(Kind::set_fields, std::move(key));
  write.fields = std::move(fields);
  write.ttl = ttl;
  return write;
}

Write Write::add_to_field(std::string key, std::string field, std::int64_t by) {
  Write write(Kind::add_to_field, std::move(key));
  write.fields.emplace_back(std::move(field), std::to_string(by));
  return write;
}

Write Write::remove(std::string key) { return Write(Kind::remove, std::move(key)); }

Write Write::add_member(std::string key, std::string member) {
  Write write(Kind::add_member, std::move(key));
  write.value = std::move(member);
  return write;
}

Write Write::remove_member(std::string key, std::string member) {
  Write write(Kind::remove_member, std::move(key));
  write.value = std::move(member);
  return write;
}

Write Write::expire(std::string key, Ttl ttl) {
  Write write(Kind::expire, std::move(key));
  write.ttl = ttl;
  return write;
}

awaitable<std::vector<std::optional<Fields>>> KeyValueStore::get_fields_of_all(std::vector<std::string> keys) {
  std::vector<std::optional<Fields>> found;
  found.reserve(keys.size());
  for (std::string& key : keys) found.push_back(co_await get_fields(std::move(key)));
  co_return found;
}

awaitable<Facts> KeyValueStore::facts() {
  co_await ping();
  co_return Facts();
}

}  // namespace ci::store
