#pragma once
// What Redis runs in one step, in Lua (EVAL). Keys are KEYS, so that a cluster sends each script where they are.

#include <string_view>

namespace ci::store::redis {

// Removes the key if it holds what the caller thinks.
inline constexpr std::string_view remove_if_equal_script =
    "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('DEL',KEYS[1]) end return 0";

// Three arguments a key: how much, its limit or nothing, its life or nothing. Answers with the number of the first key that
// would pass its limit, or 0, and with all sums.
inline constexpr std::string_view increment_all_script =
    "local refused,sums=0,{}"
    " for i,key in ipairs(KEYS) do"
    "  local sum=tonumber(redis.call('GET',key) or '0')"
    "  if not sum then return redis.error_reply('ERR value is not an integer or out of range') end"
    "  sums[i]=sum"
    "  local limit=ARGV[3*i-1]"
    "  if refused==0 and limit~='' and sum+tonumber(ARGV[3*i-2])>tonumber(limit) then refused=i end"
    " end"
    " if refused==0 then for i,key in ipairs(KEYS) do"
    "  local new=redis.call('EXISTS',key)==0"
    "  sums[i]=redis.call('INCRBY',key,ARGV[3*i-2])"
    "  if new and ARGV[3*i]~='' then redis.call('PEXPIRE',key,ARGV[3*i]) end"
    " end end"
    " table.insert(sums,1,refused) return sums";

// A sorted set of holders by the end of their leases. By the clock of Redis, the only one that all replicas share.
inline constexpr std::string_view take_place_script =
    "local time=redis.call('TIME')"
    " local now=time[1]*1000+math.floor(time[2]/1000)"
    " redis.call('ZREMRANGEBYSCORE',KEYS[1],'-inf',now)"
    " if not redis.call('ZSCORE',KEYS[1],ARGV[1]) and redis.call('ZCARD',KEYS[1])>=tonumber(ARGV[2]) then return 0 end"
    " redis.call('ZADD',KEYS[1],now+ARGV[3],ARGV[1])"
    " if redis.call('PTTL',KEYS[1])<tonumber(ARGV[3]) then redis.call('PEXPIRE',KEYS[1],ARGV[3]) end"
    " return 1";

// Runs commands when so many keys hold what they should: ARGV has what they should hold, then for each command how many words it
// has, and these. Redis runs nothing else meanwhile.
inline constexpr std::string_view write_if_script =
    "local n=#KEYS "
    "for i=1,n do if redis.call('GET',KEYS[i])~=ARGV[i] then return 0 end end "
    "local at=n+1 "
    "while at<=#ARGV do "
    "local words={} for i=1,tonumber(ARGV[at]) do words[i]=ARGV[at+i] end "
    "redis.call(unpack(words)) at=at+1+#words end "
    "return 1";

}  // namespace ci::store::redis
