#pragma once
// Writes of the store as commands of Redis.

#include <string>
#include <vector>

#include "store/key_value_store.h"
#include "store/redis/protocol.h"

namespace ci::store::redis {

// The words of one command.
using Step = std::vector<std::string>;

// As PX and PEXPIRE want it, in milliseconds. There is a life.
std::string life_text(const Ttl& ttl);

// What `write` is, for the whole `key`; nothing when it changes nothing.
void add_steps(const Write& write, const std::string& key, std::vector<Step>& steps);
void add_commands(const Write& write, const std::string& key, std::vector<Command>& commands);

}  // namespace ci::store::redis
