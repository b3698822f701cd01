#include "execution/compile_cache.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace ci::execution {
namespace {

const languages::Language& language(std::string_view code) { return *languages::find(code); }

UniqueFd program(std::string_view text) {
  UniqueFd file(::memfd_create("program", MFD_CLOEXEC));
  EXPECT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  return file;
}

std::string text_of(const UniqueFd& file) {
  char buffer[100];
  const ssize_t got = file ? ::pread(file.get(), buffer, sizeof buffer, 0) : 0;
  return std::string(buffer, static_cast<size_t>(std::max<ssize_t>(0, got)));
}

CompileCacheSettings settings(std::uint64_t bytes, std::size_t entries) {
  CompileCacheSettings result;
  result.bytes = bytes;
  result.entries = entries;
  return result;
}

TEST(CompileCache, KnowsASourceByEveryByteAndItsLanguage) {
  const CompileCache cache(settings(1 << 20, 10));
  const auto key = cache.key(language("c"), "int main() {}");
  ASSERT_TRUE(key);
  EXPECT_EQ(key, cache.key(language("c"), "int main() {}"));
  EXPECT_NE(key, cache.key(language("c"), "int main() {} "));
  EXPECT_NE(key, cache.key(language("cpp"), "int main() {}"));
  // What is included may be another file with other packages.
  const auto with_set = cache.key(language("c"), "int main() {}", "data");
  EXPECT_NE(key, with_set);
  EXPECT_NE(cache.key(language("c"), "int main() {}", "web"), with_set);
  EXPECT_EQ(cache.key(language("c"), "int main() {}", "data"), with_set);
}

TEST(CompileCache, KeepsNothingThatMayCompileToSomethingElse) {
  const CompileCache cache(settings(1 << 20, 10));
  EXPECT_FALSE(cache.key(language("py"), "print(1)"));
  EXPECT_FALSE(cache.key(language("c"), "char *t = __TIME__;"));
  EXPECT_FALSE(cache.key(language("c"), "asm(\".InCbin \\\"/proc/self/stat\\\"\");"));
  EXPECT_FALSE(cache.key(language("cpp"), "#include \"/proc/uptime\""));
  EXPECT_FALSE(cache.key(language("cpp"), "#\tinclude  </proc/uptime>"));
  EXPECT_TRUE(cache.key(language("cpp"), "FILE* f = fopen(\"/proc/uptime\", \"r\");"));
  EXPECT_FALSE(cache.key(language("f90"), "      INCLUDE 'own.inc'"));
  EXPECT_FALSE(cache.key(language("d"), "enum text = import (\"own.txt\");"));
  EXPECT_FALSE(cache.key(language("rs"), "fn main() { println!(env!(\"X\")); }"));
  EXPECT_FALSE(cache.key(language("go"), "//go:embed x"));
  EXPECT_FALSE(CompileCache(settings(0, 10)).key(language("c"), "int main() {}"));
}

TEST(CompileCache, KnowsEverySpellingOfWhatMayChange) {
  const CompileCache cache(settings(1 << 20, 10));
  for (const std::string_view source :
       {"#define P(a, b) a%:%:b\nchar* t = P(__DA, TE__);", "char* t = __DA\\\nTE__;", "char* t = __DA\\ \t\r\nTE__;",
        "#define F </proc/uptime>\n#include F", "#include/**/</proc/uptime>", "#include /* x */ \"/proc/uptime\"",
        "%:import <x>", "#/* */import <x>", "int a = __has_include(\"x\");",
        "asm(\".inc\" \"bin \\\"/proc/stat\\\"\");",
        "int a __attribute__((section(\".data\\n.incbin \\\"/proc/stat\\\"\")));",
        "[[using gnu: section(\"x\")]] int a;", "#pragma GCC dependency \"/proc/stat\"",
        "char* t = \"/*\"; char* u = __TIME__; // */"}) {
    EXPECT_FALSE(cache.key(language("c"), source)) << source;
    EXPECT_FALSE(cache.key(language("cpp"), source)) << source;
  }
  EXPECT_TRUE(cache.key(
      language("cpp"), "#include <map>\n#  include \"own.h\"\n// important: the intersection\nint main() {}"));
  for (const std::string_view source :
       {"#[path\n= \"/proc/x.rs\"] mod x;", "#[cfg_attr(all(), path = \"/x\")] mod x;",
        "macro_rules! m {($a:meta) => {#[$a] mod x;}}", "use std::include_str as i; fn main() { i!(\"/proc/stat\"); }",
        "m!(global_asm)"}) {
    EXPECT_FALSE(cache.key(language("rs"), source)) << source;
  }
  EXPECT_TRUE(cache.key(language("rs"), "use std::env; fn main() { let path = env::args(); }"));
  EXPECT_FALSE(cache.key(language("d"), "void main() { auto t = mixin(\"__DA\" ~ \"TE__\"); }"));
  EXPECT_FALSE(cache.key(language("d"), "enum t = import /+ here +/ (\"x\");"));
}

TEST(CompileCache, GivesBackWhatItWasGiven) {
  CompileCache cache(settings(1 << 20, 10));
  EXPECT_FALSE(cache.find("a"));
  cache.keep("a", program("one"), 3);
  cache.keep("a", program("two"), 3);  // the first stays
  EXPECT_EQ(text_of(cache.find("a")), "one");
  EXPECT_FALSE(cache.find("b"));
  const auto statistics = cache.statistics();
  EXPECT_EQ(statistics.hits, 1u);
  EXPECT_EQ(statistics.misses, 2u);
  EXPECT_EQ(statistics.entries, 1u);
  EXPECT_EQ(statistics.bytes, 3u);
}

TEST(CompileCache, ForgetsWhatWasNotUsedForLongest) {
  CompileCache cache(settings(40, 3));
  for (const char* key : {"a", "b", "c"}) cache.keep(key, program("program"), 7);
  cache.find("a");
  cache.keep("d", program("program"), 7);
  EXPECT_TRUE(cache.find("a"));
  EXPECT_FALSE(cache.find("b"));
  EXPECT_TRUE(cache.find("d"));
  EXPECT_EQ(cache.statistics().bytes, 21u);
  cache.keep("large", program("larger than a quarter"), 21);
  EXPECT_FALSE(cache.find("large"));

  CompileCache small(settings(20, 100));
  for (const char* key : {"a", "b", "c", "d", "e"}) small.keep(key, program("1234"), 4);
  small.keep("f", program("12345"), 5);
  EXPECT_FALSE(small.find("a"));
  EXPECT_FALSE(small.find("b"));
  EXPECT_TRUE(small.find("c"));
  EXPECT_EQ(small.statistics().bytes, 17u);
}

TEST(CompileCache, ForgetsAllWhenItIsTold) {
  CompileCache cache(settings(1 << 20, 10));
  cache.keep("a", program("one"), 3);
  cache.forget();
  EXPECT_FALSE(cache.find("a"));
  EXPECT_EQ(cache.statistics().bytes, 0u);
  cache.keep("a", program("two"), 3);
  EXPECT_EQ(text_of(cache.find("a")), "two");
}

}  // namespace
}  // namespace ci::execution
