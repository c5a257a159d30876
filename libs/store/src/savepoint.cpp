#include "savepoint.hpp"

#include <exception>

namespace aceso::store {

Status run_in_savepoint(Connection& connection, const std::function<Status(Transaction&)>& work) {
  ACESO_TRY_OK(connection.script("SAVEPOINT item"));
  Status result;
  try {
    result = work(connection);
  } catch (const std::exception&) {  // its text might hold anything
    result = Error{Code::internal, "the work inside a transaction threw an exception"};
  }
  if (!connection.in_transaction()) return result;
  const Status closed = connection.script(result.ok() ? "RELEASE item" : "ROLLBACK TO item; RELEASE item");
  return result.ok() ? closed : result;
}

}  // namespace aceso::store
