#pragma once
// The key in a JSON body (LIBRECHAT_CODE_API_KEY, api_key, apiKey at its top level), looked for while the body arrives.
// Nothing else of the body is kept or made into values, since whoever sent it may be anybody.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ci::access {

class BodyKey {
 public:
  BodyKey();
  ~BodyKey();

  // The next bytes. False when more of them would change nothing: it is no JSON object, or the most wanted name was there.
  bool feed(std::string_view bytes);

  // What was found so far; of several names the one that stands first above.
  std::optional<std::string> key() const;

 private:
  class Scanner;
  std::unique_ptr<Scanner> scanner_;
};

}  // namespace ci::access
