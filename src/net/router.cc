#include "net/router.h"

#include <algorithm>

#include "base/failure.h"

namespace ci::net {

namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), segment.size() + 1));
    if (!segment.empty()) segments.emplace_back(segment);
  }
  return segments;
}

bool is_capture(std::string_view segment) { return segment.starts_with('{') && segment.ends_with('}'); }

bool matches(std::span<const std::string> pattern, std::span<const std::string> segments) {
  return std::ranges::equal(pattern, segments, [](const std::string& expected, const std::string& segment) {
    return is_capture(expected) ? !segment.empty() : expected == segment;
  });
}

// How many leading segments are literal: "/files/all" wins over "/files/{id}", however they were added.
std::size_t literal_prefix(std::span<const std::string> pattern) {
  return static_cast<std::size_t>(std::ranges::find_if(pattern, is_capture) - pattern.begin());
}

}  // namespace

std::size_t Router::add(std::string method, std::string_view pattern, Handler handler) {
  CHECK(handler != nullptr);
  Route route;
  route.method = std::move(method);
  route.pattern = pattern;
  route.segments = split(pattern);
  route.handler = std::move(handler);
  route.number = routes_.size();
  const auto place = std::ranges::find_if(
      routes_, [&](const Route& other) { return literal_prefix(other.segments) < literal_prefix(route.segments); });
  routes_.insert(place, std::move(route));
  return routes_.size() - 1;
}

Router::Match Router::find(std::string_view method, std::span<const std::string> segments) const {
  Match match;
  const Route* found = nullptr;
  for (const Route& route : routes_) {
    if (!matches(route.segments, segments)) continue;
    if (!match.path_known) match.number = route.number;
    match.path_known = true;
    if (route.method == method) {
      found = &route;
      break;
    }
    if (method == "HEAD" && route.method == "GET" && found == nullptr) found = &route;
  }
  if (found == nullptr) return match;
  match.handler = &found->handler;
  match.pattern = found->pattern;
  match.number = found->number;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (is_capture(found->segments[i])) match.captures.push_back(segments[i]);
  }
  return match;
}

Router::Match Router::find(std::string_view method, std::string_view path) const { return find(method, split(path)); }

std::string Router::allowed(std::span<const std::string> segments) const {
  std::vector<std::string_view> methods;
  const auto add_once = [&](std::string_view method) {
    if (std::ranges::find(methods, method) == methods.end()) methods.push_back(method);
  };
  for (const Route& route : routes_) {
    if (!matches(route.segments, segments)) continue;
    add_once(route.method);
    if (route.method == "GET") add_once("HEAD");
  }
  std::string text;
  for (const std::string_view method : methods) {
    if (!text.empty()) text += ", ";
    text += method;
  }
  return text;
}

std::string Router::allowed(std::string_view path) const { return allowed(split(path)); }

}  // namespace ci::net
