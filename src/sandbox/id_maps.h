#pragma once
// Which users exist inside (user_namespaces(7)). With privilege, or with newuidmap(1) and an entry in /etc/subuid,
// sandboxd's namespace has a range of ids and every sandbox gets two of its own; otherwise there is the one user.

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace ci::sandbox {

// Ids of sandboxd's namespace; inside it they are numbered from 0.
inline constexpr std::uint32_t id_range = 65536;
// Where the range lies on the host when we may choose: above what container managers hand out by convention
// (systemd: UIDS-GIDS, 524288 to 1879048191) and below 2^31.
inline constexpr std::uint32_t id_base = 1879048192;

enum class IdRange { whole, single };

// Writes the maps of sandboxd's namespace, whose first process is `pid`. As root: the whole range. Else newuidmap when
// it is there and allowed, else the caller's own id. Run by a process in the parent namespace.
IdRange map_sandboxd(pid_t pid);

// Maps root of the namespace whose first process is `pid` to the caller, and nobody else.
void map_caller(pid_t pid);

// Writes the maps of sandbox number `slot`, whose first process is `pid` (as seen in /proc). Run by sandboxd.
void map_sandbox(pid_t pid, IdRange range, std::uint32_t slot);
// The guest of sandbox number `slot`, as sandboxd's namespace numbers it; its group is the same number.
uid_t guest_user(IdRange range, std::uint32_t slot);

inline constexpr std::uint32_t most_slots = (id_range - 1000) / 2;

}  // namespace ci::sandbox
