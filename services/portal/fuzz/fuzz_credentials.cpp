// The Authorization header, the session cookie and the origin headers of a request.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "../src/credentials.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto cut = text.find('\n');
  const auto first = text.substr(0, cut);
  const auto second = cut == std::string_view::npos ? std::string_view{} : text.substr(cut + 1);
  const auto read = aceso::portal::read_credential(first, second);
  // An Authorization header never leaves a request to its cookie.
  if (read && !first.empty() && read->kind == aceso::portal::CredentialKind::session) std::abort();
  if (read && read->kind != aceso::portal::CredentialKind::none && read->secret.empty()) std::abort();
  if (aceso::portal::same_origin(first, "", second) && !first.empty() && !first.ends_with(second)) std::abort();
  return 0;
}
