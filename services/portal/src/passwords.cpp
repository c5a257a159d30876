#include "passwords.hpp"

#include <algorithm>
#include <array>

#include "text.hpp"

namespace aceso::portal {
namespace {

constexpr std::size_t kShortest = 12;  // code points
constexpr std::size_t kLongestBytes = 1024;

// Passwords of twelve or more characters that lists of leaked passwords start with, and the ones that installers leave
// behind.
constexpr std::array kCommon{"123456789012",  "1234567890123",    "12345678901234",   "123456789123",
                             "123123123123",  "112233445566",     "098765432109",     "987654321098",
                             "121212121212",  "111222333444",     "qwertyuiop12",     "qwertyuiop123",
                             "qwertyuiop[]",  "qwerty123456",     "qwertyuiopas",     "qwertyqwerty",
                             "1q2w3e4r5t6y",  "1qaz2wsx3edc",     "1qazxsw23edc",     "zaq12wsxcde3",
                             "asdfghjkl123",  "asdfghjkl;'\\",    "zxcvbnm12345",     "abcdefghijkl",
                             "abcdefgh1234",  "abcd12345678",     "abc123abc123",     "a1b2c3d4e5f6",
                             "password1234",  "password12345",    "password123456",   "passwordpassword",
                             "password123!",  "passw0rd1234",     "p@ssw0rd1234",     "p@ssword1234",
                             "mypassword123", "newpassword1",     "changeme1234",     "changemenow1",
                             "letmein12345",  "letmeinletmein",   "welcome12345",     "welcome123456",
                             "administrator", "administrator1",   "adminadmin12",     "admin1234567",
                             "admin12345678", "adminpassword",    "rootpassword",     "default12345",
                             "iloveyou1234",  "iloveyouiloveyou", "trustno1trustno1", "correcthorsebatterystaple",
                             "supersecret1",  "secretsecret",     "superman1234",     "footballfootball",
                             "baseball1234",  "sunshine1234",     "princess1234",     "dragondragon",
                             "hospital1234",  "hospitalhospital", "radiology123",     "radiology1234",
                             "clinician123",  "doctor123456",     "patient12345",     "pneumonia123",
                             "acesoaceso12",  "aceso1234567",     "aceso12345678",    "testtesttest",
                             "test12345678",  "qwer1234qwer",     "spring202612",     "summer202612",
                             "winter202612"};

bool one_character_repeated(std::string_view text) {
  return std::ranges::all_of(text, [&](char c) { return c == text.front(); });
}

}  // namespace

Status check_password(std::string_view password, std::string_view user_name) {
  if (count_code_points(password) < kShortest) {
    return Error{Code::invalid, "a password has at least 12 characters"};
  }
  if (password.size() > kLongestBytes) return Error{Code::invalid, "a password has at most 1024 bytes"};
  const auto lower = ascii_lower(password);
  if (lower == ascii_lower(user_name)) return Error{Code::invalid, "a password is not the user's name"};
  if (one_character_repeated(lower) || std::ranges::find(kCommon, lower) != kCommon.end()) {
    return Error{Code::invalid, "this password is among the first that an attacker tries"};
  }
  return {};
}

class Passwords::Slot {
 public:
  explicit Slot(Passwords& owner) : owner_{owner} { taken_ = owner_.running_.fetch_add(1) < owner_.at_once_; }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() { owner_.running_.fetch_sub(1); }
  Status check() const {
    if (taken_) return {};
    return Error{Code::unavailable, "too many passwords are being checked at once, try again in a second"};
  }

 private:
  Passwords& owner_;
  bool taken_ = false;
};

Result<std::string> Passwords::hash(std::string_view password) {
  const Slot slot{*this};
  ACESO_TRY_OK(slot.check());
  return crypto::hash_password(password, cost_);
}

Result<bool> Passwords::verify(std::string_view password, std::string_view phc) {
  if (password.size() > kLongestBytes) return false;  // longer than any that was ever accepted
  const Slot slot{*this};
  ACESO_TRY_OK(slot.check());
  ACESO_TRY(const std::string other, decoy());  // before the branch: its first call costs as much for known users
  const bool same = crypto::verify_password(password, phc.empty() ? std::string_view{other} : phc);
  return same && !phc.empty();
}

Result<std::string> Passwords::decoy() {
  const std::lock_guard lock{decoy_mutex_};
  if (decoy_.empty()) {
    ACESO_TRY(decoy_, crypto::hash_password("no user has this password", cost_));
  }
  return decoy_;
}

}  // namespace aceso::portal
