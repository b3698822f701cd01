// Every language, in the order in which they are shown. Nothing else in the project knows their names.

#include "languages/language.h"

namespace ci::languages {

std::span<const Language> all() {
  // Both compilers' clocks, what joins a word out of two (## has a second spelling), and what reads files that are not the
  // standard's: by a path of its own, through a macro, or with the assembler, whose text names of sections are as well.
  static const Words fickle_c = {"__date__", "__time__",   "__timestamp__", "##",  "%:%:",    "asm",      "attribute",
                                 "gnu:",     "include\"/", "include</",     "../", "#import", "%:import", "dependency"};
  static const Words fickle_include = {"include"};
  constexpr std::string_view after_include = "<\"";
  static const std::vector<Language> table = {
      {
          .code = "py",
          .name = "Python",
          .aliases = {"python"},
          // Hidden, because it lies where Python looks for modules: as code.py it would be the library's module `code` to every
          // process that the program starts, and in the place of a file of that name that somebody uploads or writes.
          .file = ".code.py",
          .needs = "/usr/bin/python3",
          .package = "python3",
          .command = {"/usr/bin/python3", "/runtimes/python/zygote.py", "{memory}", "{plots}"},
          .warmth = Warmth::zygote,
          .floor = 5,
          .keeps_state = true,
          .reads_imports = true,
      },
      {
          .code = "js",
          .name = "JavaScript",
          .aliases = {"javascript", "node"},
          .file = "code.js",
          .needs = "/usr/bin/node",
          .package = "nodejs",
          .command = {"/usr/bin/node", "--require", "/runtimes/node/wait.js", "{file}"},
          .warmth = Warmth::waiting,
          .floor = 2,
      },
      {
          .code = "ts",
          .name = "TypeScript",
          .aliases = {"typescript"},
          .file = "code.ts",
          .needs = "/usr/bin/tsc",
          .package = "node-typescript",
          .command = {"/usr/bin/node", "--require", "/runtimes/node/wait_typescript.js", "{file}"},
          .warmth = Warmth::waiting,
          .compile_share = 1,
      },
      {
          .code = "java",
          .name = "Java",
          .aliases = {},
          .file = "Code.java",
          .needs = "/usr/bin/javac",
          .package = "default-jdk-headless",
          .command =
              {"/runtimes/java/launch", "/runtimes/java", "{heap}", "-XX:SharedArchiveFile=/runtimes/java/ahead.jsa"},
          .warmth = Warmth::waiting,
          .compile_share = 1,
      },
      {
          .code = "php",
          .name = "PHP",
          .aliases = {},
          .file = "code.php",
          .needs = "/usr/bin/php",
          .package = "php-cli",
          // The variable keeps PHP from unloading each of its forty modules before it ends.
          .command =
              {"/usr/bin/env", "ZEND_DONT_UNLOAD_MODULES=1", "/usr/bin/php", "-d",
               "auto_prepend_file=/runtimes/php/wait.php", "{file}"},
          .warmth = Warmth::zygote,
      },
      {
          .code = "r",
          .name = "R",
          .aliases = {},
          .file = "code.r",
          .needs = "/usr/bin/Rscript",
          .package = "r-base-core",
          .command =
              {"/usr/bin/env", "LD_PRELOAD=/runtimes/zygote/interpreter.so", "R_PROFILE_USER=/runtimes/r/wait.R",
               "/usr/bin/Rscript", "{file}"},
          .warmth = Warmth::zygote,
      },
      // The compilers get no options of ours but where to put things: what a program means, and how fast it runs, is what
      // it would be at a prompt. Three are liberties: the mathematics library for C and what a few headers need, which everybody
      // forgets, the edition of Rust that its package manager uses, and the crates that are there. The quick commands differ in the linker and in what it leaves out.
      {
          .code = "c",
          .name = "C",
          .file = "code.c",
          .needs = "/usr/bin/gcc",
          .package = "gcc",
          .command = {"{program}"},
          .warmth = Warmth::shell,
          .compile_share = 0.5,
          .compile =
              {.command = {"/usr/bin/gcc", "{file}", "-o", "{program}", "{libraries}", "-lm"},
               .quick = {"/usr/bin/gcc", "{linker}", "{file}", "-o", "{program}", "{libraries}", "-lm"},
               .fickle = fickle_c,
               .fickle_unless_followed = fickle_include,
               .harmless_next = after_include},
      },
      {
          .code = "cpp",
          .name = "C++",
          .aliases = {"c++"},
          .file = "code.cpp",
          .needs = "/usr/bin/g++",
          .package = "g++",
          .command = {"{program}"},
          .warmth = Warmth::shell,
          .compile_share = 0.5,
          .compile =
              {.command = {"/usr/bin/g++", "{file}", "-o", "{program}", "{libraries}"},
               .quick = {"/usr/bin/g++", "{headers}", "{linker}", "{file}", "-o", "{program}", "{libraries}"},
               .fickle = fickle_c,
               .fickle_unless_followed = fickle_include,
               .harmless_next = after_include},
      },
      {
          .code = "rs",
          .name = "Rust",
          .aliases = {"rust"},
          .file = "main.rs",
          .needs = "/usr/bin/rustc",
          .package = "rustc-web",
          .command = {"{program}"},
          .warmth = Warmth::shell,
          .compile_share = 2,
          .compile =
              {.command = {"/usr/bin/rustc", "--edition=2021", "{crates}", "{file}", "-o", "{program}"},
               // Without the standard library's debugging information, which is most of what there is to link.
               .quick =
                   {"/usr/bin/rustc", "--edition=2021", "-Clink-arg=-fuse-ld=mold", "-Clink-arg=-Wl,--strip-debug",
                    "{crates}", "{file}", "-o", "{program}"},
               .environment = {"RUSTC_ICE=0"},  // no reports of the compiler's own crashes among the files
               // Macros by their names alone: another macro can put the mark behind. And attributes that one puts together.
               .fickle = {"env!", "include", "asm", "[path=", "[$", "cfg_attr", "proc_macro"}},
      },
      {
          .code = "f90",
          .name = "Fortran",
          .aliases = {"fortran"},
          .file = "code.f90",
          .needs = "/usr/bin/gfortran",
          .package = "gfortran",
          .command = {"{program}"},
          .warmth = Warmth::shell,
          .compile_share = 1,
          // -J is where descriptions of modules are put and looked for.
          .compile =
              {.command = {"/usr/bin/gfortran", "-J/build", "{file}", "-o", "{program}"},
               .quick = {"/usr/bin/gfortran", "-J/build", "{linker}", "{file}", "-o", "{program}"},
               .fickle = {"include", "__date__", "__time__"}},
      },
      {
          .code = "d",
          .name = "D",
          .aliases = {"dlang"},
          .file = "code.d",
          .needs = "/usr/bin/ldc2",
          .package = "ldc",
          .command = {"{program}"},
          .warmth = Warmth::shell,
          .compile_share = 1,
          // -i compiles imported modules that lie beside the source as well.
          .compile =
              {.command = {"/usr/bin/ldc2", "-i", "-od=/build", "{file}", "-of={program}"},
               .quick = {"/usr/bin/ldc2", "-i", "-od=/build", "--linker=mold", "{file}", "-of={program}"},
               // "mixin" makes code of text, which may be put together.
               .fickle = {"__date__", "__time__", "__timestamp__", "import(", "mixin", "pragma", "asm"}},
      },
      {
          .code = "go",
          .name = "Go",
          .file = "main.go",
          .needs = "/usr/bin/go",
          .package = "golang-go",
          .command = {"{program}"},
          .warmth = Warmth::shell,
          .compile_share = 0.5,
          // `go run`, which hands its program to a command that keeps it. The go command knows Debian's modules (runtimes/bin/go).
          .compile =
              {.command = {"/runtimes/bin/go", "run", "-exec", "/bin/cp --target-directory=/build", "{file}"},
               // What `go run` does for a program without packages of its own, minus finding that out
               // (runtimes/go/prepare.sh).
               .quick =
                   {"/runtimes/go/compile",
                    "-o",
                    "/build/main.a",
                    "-p",
                    "main",
                    "-complete",
                    "-dwarf=false",
                    "-nolocalimports",
                    "-importcfg",
                    "/runtimes/go/importcfg",
                    "-pack",
                    "./{file}",
                    "&&",
                    "/runtimes/go/link",
                    "-o",
                    "{program}",
                    "-importcfg",
                    "/runtimes/go/importcfg.link",
                    "-s",
                    "-w",
                    "-buildmode=exe",
                    "/build/main.a"},
               .quick_alone = true,
               .environment = {"GOCACHE=/build/cache", "GOPATH=/build/go", "GOFLAGS=-mod=mod"},
               .fickle = {"go:", "\"c\"", "`c`", "#cgo"}},
      },
      {
          .code = "bash",
          .name = "Bash",
          .aliases = {"sh"},
          .file = "code.sh",
          .needs = "/bin/bash",
          .package = "bash",
          .command = {"/bin/bash", "{file}"},
          .warmth = Warmth::shell,
          .floor = 2,
      },
  };
  return table;
}

}  // namespace ci::languages
