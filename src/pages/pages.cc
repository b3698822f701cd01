#include "pages/pages.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "base/failure.h"
#include "base/sha256.h"
#include "net/conditional.h"
#include "pages/embedded.h"

namespace ci::pages {

namespace {

// Nothing but what came with the page runs or is loaded. Images that programs made are shown from memory (blob:).
constexpr const char* page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string content_type(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, const char*>, 5> types = {{
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".json", "application/json"},
      {".svg", "image/svg+xml"},
  }};
  for (const auto& [ending, type] : types) {
    if (name.ends_with(ending)) return type;
  }
  return "text/plain; charset=utf-8";
}

// The names of scripts and styles hold a hash of their content: NAME-HASH.js. What has such a name never changes.
bool is_hashed(std::string_view name) {
  constexpr std::size_t letters = 8;
  const std::size_t dot = name.rfind('.');
  const std::size_t dash = name.rfind('-', dot);
  return dot != name.npos && dash != name.npos && dot - dash == letters + 1;
}

// A quality of 0 means "not that one"; what does not say so takes it.
bool takes_gzip(const net::Request& request) {
  const std::string accepted = lower_case(request.headers.find("Accept-Encoding").value_or(""));
  const std::size_t begin = accepted.find("gzip");
  if (begin == accepted.npos) return false;
  std::string parameters = accepted.substr(begin, accepted.find(',', begin) - begin);
  std::erase(parameters, ' ');
  return !(
      parameters.ends_with(";q=0") || parameters.ends_with(";q=0.0") || parameters.ends_with(";q=0.00") ||
      parameters.ends_with(";q=0.000"));
}

net::Response answer(const EmbeddedFile& file, const std::string& tag, const net::Request& request) {
  net::Response response;
  response.headers.set("Cache-Control", is_hashed(file.name) ? "public, max-age=31536000, immutable" : "no-cache");
  response.headers.set("ETag", "W/" + tag);  // weak: the plain and the compressed form have the same
  response.headers.set("Vary", "Accept-Encoding");
  // Also when nothing has changed: browsers take what a 304 says in place of what they have kept.
  response.headers.set("Content-Security-Policy", page_policy);
  if (net::names_tag(request.headers.find("If-None-Match").value_or(""), tag)) {
    response.status = 304;
    return response;
  }
  response.headers.set("Content-Type", content_type(file.name));
  const bool compressed = takes_gzip(request);
  if (compressed) response.headers.set("Content-Encoding", "gzip");
  response.body = std::string(compressed ? file.gzip : file.plain);
  return response;
}

awaitable<net::Response> not_found() { co_return net::Response(404, "text/plain; charset=utf-8", "Not found\n"); }

const EmbeddedFile* find(std::string_view name) {
  const auto files = embedded_files();
  const auto found = std::ranges::find(files, name, &EmbeddedFile::name);
  return found == files.end() ? nullptr : &*found;
}

net::Handler one_file(std::string_view name) {
  const EmbeddedFile* file = find(name);
  CHECK(file != nullptr);
  const std::string tag = '"' + sha256_hex(file->plain).substr(0, 32) + '"';
  return [file, tag](net::Request& request) -> awaitable<net::Response> { co_return answer(*file, tag, request); };
}

}  // namespace

std::vector<PageRoute> routes(Documentation documentation) {
  std::vector<PageRoute> result;
  const auto add = [&](std::string pattern, std::string_view name) {
    result.push_back({std::move(pattern), one_file(name)});
  };
  add("/admin-dashboard", "dashboard.html");
  for (const char* pattern : {"/admin-dashboard/{page}", "/admin-dashboard/{page}/{part}"}) {
    result.push_back({pattern, [page = one_file("dashboard.html")](net::Request& request) -> awaitable<net::Response> {
                        // A script that is gone must not be answered with a page.
                        if (request.captures.at(0) == "static") return not_found();
                        return page(request);
                      }});
  }
  // A route for each file, so that what is not there is an unknown path like others.
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name.ends_with(".html") || file.name == "openapi.json") continue;
    add("/admin-dashboard/static/" + std::string(file.name), file.name);
  }
  if (documentation == Documentation::none) return result;
  add("/playground", "playground.html");
  add("/docs", "docs.html");
  add("/redoc", "docs.html");  // the other usual address of such a page
  add("/openapi.json", "openapi.json");
  return result;
}

}  // namespace ci::pages
