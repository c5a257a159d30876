#include "users.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "aceso/portal/scopes.hpp"
#include "text.hpp"

namespace aceso::portal {
namespace {

constexpr std::string_view kColumns =
    "SELECT id, name, roles, disabled, totp_secret, totp_pending, totp_last_step, created, last_login, password "
    "FROM users";
constexpr std::size_t kMostUsers = 10'000;

UserRecord record_of(const store::Row& row) {
  UserRecord u;
  u.id = row.text(0);
  u.name = row.text(1);
  u.roles = split_list(row.text(2));
  u.disabled = row.integer(3) != 0;
  if (!row.is_null(4)) u.totp_secret = row.blob(4);
  if (!row.is_null(5)) u.totp_pending = row.blob(5);
  u.totp = !u.totp_secret.empty();
  u.totp_last_step = row.integer(6);
  u.created_us = row.integer(7);
  u.last_login_us = row.integer(8);
  u.password = row.text(9);
  return u;
}

std::optional<UserRecord> first_of(const std::vector<store::Row>& rows) {
  if (rows.empty()) return std::nullopt;
  return record_of(rows[0]);
}

Error no_such_user() {
  return Error{Code::not_found, "there is no such user"};
}

bool is_enabled_admin(const User& user) {
  return !user.disabled && std::ranges::find(user.roles, "admin") != user.roles.end();
}

Status keep_an_admin(store::Transaction& tx, const std::string& except) {
  ACESO_TRY(const auto rows, tx.query("SELECT roles FROM users WHERE disabled = 0 AND id <> ?1", {except}));
  for (const auto& row : rows) {
    const auto roles = split_list(row.text(0));
    if (std::ranges::find(roles, "admin") != roles.end()) return {};
  }
  return Error{Code::precondition, "this is the last administrator who can sign in"};
}

Status end_sessions(store::Transaction& tx, const std::string& user) {
  ACESO_TRY_OK(tx.execute("DELETE FROM sessions WHERE user_id = ?1", {user}));
  return {};
}

Status insert_user(store::Transaction& tx, const User& user, const std::string& phc) {
  const auto done =
      tx.execute("INSERT INTO users(id, name, name_key, password, roles, created) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                 {user.id, user.name, ascii_lower(user.name), phc, join_list(user.roles), user.created_us});
  if (!done && done.error().code() == Code::exists) return Error{Code::exists, "this name is taken"};
  if (!done) return done.error();
  return {};
}

}  // namespace

Status check_user_name(std::string_view name) {
  const auto bad =
      Error{Code::invalid, "a name has 1 to 64 characters, none of them control characters, no space at its ends"};
  const auto length = count_code_points(name);
  if (length < 1 || length > 64 || name.front() == ' ' || name.back() == ' ') return bad;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return bad;
  }
  return {};
}

Status check_roles(const std::vector<std::string>& roles) {
  if (roles.empty()) return Error{Code::invalid, "a user has at least one role"};
  for (auto it = roles.begin(); it != roles.end(); ++it) {
    if (!is_role(*it)) return Error{Code::invalid, "roles are admin, clinician, scientist, auditor"};
    if (std::find(roles.begin(), it, *it) != it) return Error{Code::invalid, "a role is named twice"};
  }
  return {};
}

Result<bool> Users::any() const {
  ACESO_TRY(const auto rows, core_.catalogue->query("SELECT 1 FROM users LIMIT 1"));
  return !rows.empty();
}

Result<std::vector<User>> Users::list() const {
  ACESO_TRY(const auto rows, core_.catalogue->query(std::string{kColumns} + " ORDER BY name_key", {}, kMostUsers));
  std::vector<User> out;
  for (const auto& row : rows) out.push_back(record_of(row));
  return out;
}

Result<std::optional<UserRecord>> Users::find_by_name(std::string_view name) const {
  ACESO_TRY(const auto rows,
            core_.catalogue->query(std::string{kColumns} + " WHERE name_key = ?1", {ascii_lower(name)}));
  return first_of(rows);
}

Result<std::optional<UserRecord>> Users::find_by_id(std::string_view id) const {
  ACESO_TRY(const auto rows, core_.catalogue->query(std::string{kColumns} + " WHERE id = ?1", {std::string{id}}));
  return first_of(rows);
}

Result<User> Users::get(std::string_view id) const {
  ACESO_TRY(auto found, find_by_id(id));
  if (!found) return no_such_user();
  return User{*std::move(found)};
}

Result<User> Users::create(const NewUser& wanted, contracts::AuditEvent event, bool first) {
  ACESO_TRY_OK(check_user_name(wanted.name));
  ACESO_TRY_OK(check_roles(wanted.roles));
  ACESO_TRY_OK(check_password(wanted.password, wanted.name));
  ACESO_TRY(const std::string phc, passwords_.hash(wanted.password));
  User user;
  user.id = core_.new_id();
  user.name = wanted.name;
  user.roles = wanted.roles;
  user.created_us = core_.now_us();
  event.entity_type = "user";
  event.entity_id = user.id;
  event.detail = Json{{"name", user.name}, {"roles", user.roles}}.dump();
  const auto work = [&](store::Transaction& tx, contracts::AuditEvent&) -> Status {
    ACESO_TRY(const auto rows, tx.query("SELECT COUNT(*) FROM users"));
    const auto count = rows.at(0).integer(0);
    if (first && count > 0) return Error{Code::conflict, "this node is set up already"};
    if (std::cmp_greater_equal(count, kMostUsers)) return Error{Code::exhausted, "there are too many users"};
    return insert_user(tx, user, phc);
  };
  ACESO_TRY_OK(core_.audit->record_with(std::move(event), work));
  return user;
}

Result<User> Users::update(std::string_view id, const UserChange& change, contracts::AuditEvent event) {
  ACESO_TRY(const auto before, get(id));
  std::string phc;
  if (change.password) {
    ACESO_TRY_OK(check_password(*change.password, before.name));
    ACESO_TRY(phc, passwords_.hash(*change.password));
  }
  if (change.roles) ACESO_TRY_OK(check_roles(*change.roles));
  event.entity_type = "user";
  event.entity_id = before.id;
  Json detail = Json::object();
  if (change.roles) detail["roles"] = *change.roles;
  if (change.disabled) detail["disabled"] = *change.disabled;
  if (change.password) detail["password"] = "changed";
  if (change.reset_totp) detail["totp"] = "removed";
  event.detail = detail.dump();
  const auto work = [&](store::Transaction& tx, contracts::AuditEvent&) -> Status {
    ACESO_TRY(const auto rows, tx.query(std::string{kColumns} + " WHERE id = ?1", {before.id}));
    const auto old = first_of(rows);
    if (!old) return no_such_user();
    User now = *old;
    if (change.roles) now.roles = *change.roles;
    if (change.disabled) now.disabled = *change.disabled;
    if (is_enabled_admin(*old) && !is_enabled_admin(now)) ACESO_TRY_OK(keep_an_admin(tx, old->id));
    ACESO_TRY_OK(tx.execute("UPDATE users SET roles = ?2, disabled = ?3 WHERE id = ?1",
                            {old->id, join_list(now.roles), std::int64_t{now.disabled}}));
    if (change.password) ACESO_TRY_OK(tx.execute("UPDATE users SET password = ?2 WHERE id = ?1", {old->id, phc}));
    if (change.reset_totp) {
      ACESO_TRY_OK(tx.execute("UPDATE users SET totp_secret = NULL, totp_pending = NULL WHERE id = ?1", {old->id}));
    }
    return end_sessions(tx, old->id);
  };
  ACESO_TRY_OK(core_.audit->record_with(std::move(event), work));
  return get(id);
}

Status Users::remove(std::string_view id, contracts::AuditEvent event) {
  ACESO_TRY(const auto user, get(id));
  event.entity_type = "user";
  event.entity_id = user.id;
  event.detail = Json{{"name", user.name}}.dump();
  const auto work = [&](store::Transaction& tx, contracts::AuditEvent&) -> Status {
    ACESO_TRY_OK(keep_an_admin(tx, user.id));
    ACESO_TRY_OK(end_sessions(tx, user.id));
    ACESO_TRY_OK(tx.execute("DELETE FROM api_tokens WHERE user_id = ?1", {user.id}));
    ACESO_TRY(const auto gone, tx.execute("DELETE FROM users WHERE id = ?1", {user.id}));
    if (gone == 0) return no_such_user();
    return {};
  };
  return core_.audit->record_with(std::move(event), work);
}

}  // namespace aceso::portal
