#include "sandbox/guest/seccomp_filter.h"

#include <linux/seccomp.h>
#include <seccomp.h>

#include <cerrno>
#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>

#include "sandbox/guest/system_calls.h"

namespace ci::sandbox {

namespace {

constexpr std::uint32_t x32_bit = 0x40000000;

[[noreturn]] void fail(std::string_view what) {
  throw std::runtime_error("building the system call filter: " + std::string(what));
}

// Nothing when this processor family has no such call.
bool number_of(std::string_view name, std::uint32_t processor, std::uint32_t& number) {
  const std::uint32_t family = processor == AUDIT_ARCH_X86_64 ? SCMP_ARCH_X86_64 : SCMP_ARCH_AARCH64;
  const int found = seccomp_syscall_resolve_name_arch(family, std::string(name).c_str());
  if (found == __NR_SCMP_ERROR) {
    // Newer than the library: what it does not know is refused anyway. These are allowed, and the same everywhere.
    if (name != "fchmodat2") return false;
    number = 452;
    return true;
  }
  number = static_cast<std::uint32_t>(found);
  return found >= 0;
}

// What happens with a call: an answer, or a look at its arguments.
struct Fate {
  Answer answer = ENOSYS;
  const CheckedCall* check = nullptr;
  bool operator==(const Fate&) const = default;
};

class Builder {
 public:
  Builder(std::uint32_t processor, Sessions sessions) : processor_(processor) {
    for (const CallGroup& group : call_groups()) {
      for (const std::string_view name : group.calls) add(name, {group.answer, nullptr});
    }
    for (const CheckedCall& call : checked_calls()) add(call.call, {0, &call});
    for (const std::string_view name : {"setsid", "setpgid"}) {
      std::uint32_t number;
      if (sessions == Sessions::one && number_of(name, processor_, number)) fates_[number] = {0, nullptr};
    }
  }

  std::vector<sock_filter> build() {
    load(offsetof(seccomp_data, arch));
    emit(BPF_JMP | BPF_JEQ | BPF_K, processor_, 1, 0);
    emit(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    load(offsetof(seccomp_data, nr));
    if (processor_ == AUDIT_ARCH_X86_64) {
      // -1, which a debugger writes to skip a call, is none of x32's.
      emit(BPF_JMP | BPF_JSET | BPF_K, x32_bit, 0, 1);
      emit(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    }
    search(ranges());
    return std::move(program_);
  }

 private:
  struct Range {
    std::uint32_t first;  // up to the next one's
    Fate fate;
  };

  void add(std::string_view name, Fate fate) {
    std::uint32_t number;
    if (!number_of(name, processor_, number)) return;
    if (!fates_.emplace(number, fate).second) fail(std::string(name) + " is there twice");
  }

  std::vector<Range> ranges() const {
    std::vector<Range> result = {{0, {}}};
    const auto begin = [&](std::uint32_t first, const Fate& fate) {
      if (result.back().fate == fate) return;
      if (result.back().first == first) result.pop_back();
      if (result.empty() || result.back().fate != fate) result.push_back({first, fate});
    };
    for (const auto& [number, fate] : fates_) {
      begin(number, fate);
      if (!fates_.contains(number + 1)) begin(number + 1, {});
    }
    return result;
  }

  // The number is loaded.
  void search(std::span<const Range> ranges) {
    if (ranges.size() == 1) return decide(ranges.front().fate);
    const size_t half = ranges.size() / 2;
    emit(BPF_JMP | BPF_JGE | BPF_K, ranges[half].first, 0, 1);
    const size_t jump = emit(BPF_JMP | BPF_JA, 0);
    search(ranges.first(half));
    land(jump);
    search(ranges.subspan(half));
  }

  void decide(const Fate& fate) {
    if (fate.check == nullptr) return answer(fate.answer);
    for (const Rule& rule : fate.check->rules) {
      std::vector<size_t> misses;
      for (const Condition& condition : rule.all) misses.push_back(test(condition));
      answer(rule.answer);
      for (const size_t miss : misses) land(miss);
    }
    answer(fate.check->otherwise);
  }

  // Goes on when it holds. The jump that is returned is for when it does not.
  size_t test(const Condition& condition) {
    // Both families are little endian: the low half comes first.
    load(static_cast<std::uint32_t>(offsetof(seccomp_data, args) + condition.argument * sizeof(std::uint64_t)));
    if (condition.mask != 0xffffffff) emit(BPF_ALU | BPF_AND | BPF_K, condition.mask);
    size_t left = condition.values.size();
    if (left > 250) fail("too many values");
    for (const std::uint32_t value : condition.values) {
      emit(BPF_JMP | BPF_JEQ | BPF_K, value, static_cast<std::uint8_t>(left), 0);
      --left;
    }
    return emit(BPF_JMP | BPF_JA, 0);
  }

  void answer(Answer answer) {
    emit(
        BPF_RET | BPF_K,
        answer == allowed ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(answer));
  }

  void load(std::uint32_t offset) { emit(BPF_LD | BPF_W | BPF_ABS, offset); }

  // Makes an unconditional jump lead to what comes next.
  void land(size_t jump) { program_[jump].k = static_cast<std::uint32_t>(program_.size() - jump - 1); }

  size_t emit(int code, std::uint32_t k, std::uint8_t if_true = 0, std::uint8_t if_false = 0) {
    program_.push_back({static_cast<std::uint16_t>(code), if_true, if_false, k});
    return program_.size() - 1;
  }

  std::uint32_t processor_;
  std::map<std::uint32_t, Fate> fates_;  // of what is in the table
  std::vector<sock_filter> program_;
};

}  // namespace

SeccompFilter::SeccompFilter(std::uint32_t processor, Sessions sessions)
    : instructions_(Builder(processor, sessions).build()) {
  if (instructions_.size() > BPF_MAXINSNS) fail("it is too long");
  program_.len = static_cast<unsigned short>(instructions_.size());
  program_.filter = instructions_.data();
}

}  // namespace ci::sandbox
