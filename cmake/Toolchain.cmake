# Warnings, optional tools (mold, ccache) and the third-party packages, in one place.

add_compile_options(
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wsuggest-override
  # GCC 12 mistakes Asio's coroutine frames, allocated with aligned_alloc and freed to match, for a mismatch.
  -Wno-mismatched-new-delete
  $<$<BOOL:${CI_WERROR}>:-Werror>)
if(CMAKE_UNITY_BUILD)
  # Most of a compile is reading headers. With all of a folder at once a compiler takes up to 1.2 GB (build_jobs in tools/shell.sh).
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 24)
  # Several sources are included by one, so GCC takes them for headers, and what one keeps to itself for something that others hide.
  add_compile_options(-Wno-subobject-linkage -Wno-shadow -Wshadow=local)
endif()
if(CI_SANITIZE)
  add_compile_options(-fsanitize=${CI_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${CI_SANITIZE})
endif()

# Everything is bound at the start: a process that forks for each sandbox would have each child look symbols up again, and
# copy the pages where they are kept.
add_link_options(LINKER:-z,now)

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# Asio and Beast are compiled once, in src/base/asio.cc and src/net/beast.cc.
add_compile_definitions(
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  FMT_ENFORCE_COMPILE_STRING=0 SPDLOG_FMT_EXTERNAL SPDLOG_COMPILED_LIB)

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED CONFIG COMPONENTS json url)
find_package(OpenSSL 3 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CURL REQUIRED)
find_package(pugixml REQUIRED)
find_package(GTest REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
find_package(yaml-cpp REQUIRED)
pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(ICU REQUIRED IMPORTED_TARGET icu-uc icu-i18n)
include(GoogleTest)
