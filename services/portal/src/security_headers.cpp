#include "security_headers.hpp"

namespace aceso::portal {
namespace {

void set_if_absent(net::Headers& headers, std::string_view name, std::string_view value) {
  if (!headers.has(name)) headers.set(name, value);
}

}  // namespace

std::string content_security_policy(std::string_view nonce) {
  std::string style = "style-src 'self'";
  if (!nonce.empty()) style.append(" 'nonce-").append(nonce).append("'");
  return "default-src 'none'; script-src 'self'; " + style +
         "; img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; frame-ancestors "
         "'self'; "
         "frame-src 'self'; base-uri 'none'; form-action 'self'";
}

void add_security_headers(net::Response& response, const net::Request& request, bool api) {
  auto& h = response.headers;
  set_if_absent(h, "Content-Security-Policy",
                api ? "default-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
                    : content_security_policy(""));
  set_if_absent(h, "X-Content-Type-Options", "nosniff");
  set_if_absent(h, "X-Frame-Options", "SAMEORIGIN");  // for browsers without frame-ancestors
  set_if_absent(h, "Referrer-Policy", "no-referrer");
  set_if_absent(h, "Cross-Origin-Opener-Policy", "same-origin");
  set_if_absent(h, "Cross-Origin-Resource-Policy", "same-origin");
  set_if_absent(
      h, "Permissions-Policy",
      "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), bluetooth=(), display-capture=()");
  if (api) set_if_absent(h, "Cache-Control", "no-store");
  if (request.secure) set_if_absent(h, "Strict-Transport-Security", "max-age=31536000");
}

}  // namespace aceso::portal
