#include "run_filter.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace aceso::tracking {
namespace {

using store::SqlArgs;
using store::SqlValue;

constexpr std::size_t kMaxFilter = 16'384, kMaxTerms = 64, kMaxOrder = 16, kMaxList = 1000;

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return lower(x) == lower(y);
  });
}

enum class Kind : std::uint8_t { attribute, metric, param, tag };
struct Name {
  Kind kind = Kind::attribute;
  std::string key;
};
struct Column {
  std::string_view name, sql;
  bool text;
};
constexpr std::array kRunFields{Column{"run_id", "r.id", true},
                                Column{"run_name", "r.name", true},
                                Column{"status", "r.status", true},
                                Column{"user_id", "r.user_name", true},
                                Column{"start_time", "r.start_ms", false},
                                Column{"end_time", "r.end_ms", false},
                                Column{"created", "r.start_ms", false},
                                Column{"Created", "r.start_ms", false},
                                Column{"run name", "r.name", true},
                                Column{"User", "r.user_name", true}};
constexpr std::array kExperimentFields{
    Column{"name", "e.name", true}, Column{"experiment_id", "CAST(e.id AS TEXT)", true},
    Column{"creation_time", "e.created_ms", false}, Column{"last_update_time", "e.updated_ms", false}};

// SQLite's GLOB tells large from small letters, as MLflow's LIKE does; its own LIKE is MLflow's ILIKE.
std::string glob_of(std::string_view like) {
  std::string out;
  for (const char c : like) {
    if (c == '%') {
      out += '*';
    } else if (c == '_') {
      out += '?';
    } else if (c == '*' || c == '?' || c == '[') {
      out.append("[").append(1, c).append("]");
    } else {
      out += c;
    }
  }
  return out;
}

class Parser {
 public:
  Parser(std::string_view text, std::size_t first, bool experiments)
      : text_{text}, next_{first}, experiments_{experiments} {}

  Result<SqlPart> filter() {
    if (text_.size() > kMaxFilter) return Error{Code::invalid, "filter: too long"};
    space();
    if (done()) return SqlPart{"1 = 1", {}};
    for (std::size_t terms = 0;; ++terms) {
      if (terms == kMaxTerms) return Error{Code::invalid, "filter: more than 64 comparisons"};
      ACESO_TRY_OK(comparison());
      space();
      if (done()) return std::move(out_);
      if (!word("AND")) return wrong("AND is expected");
      out_.sql += " AND ";
    }
  }

  Result<SqlPart> order() {
    ACESO_TRY(const Name name, this->name());
    space();
    bool down = false;
    if (word("DESC")) {
      down = true;
    } else {
      word("ASC");
    }
    space();
    if (!done()) return wrong("ASC or DESC is expected");
    std::string value;
    if (name.kind == Kind::attribute) {
      ACESO_TRY(const Column column, this->column(name));
      value = column.sql;
    } else {
      const char* table = name.kind == Kind::metric ? "latest_metrics" : name.kind == Kind::param ? "params" : "tags";
      value = std::string{"(SELECT v.value FROM "} + table + " v WHERE v.run = r.id AND v.key = " + put(name.key) +
              (name.kind == Kind::metric ? " AND v.nan = 0)" : ")");
    }
    out_.sql = "(" + value + ") IS NULL, " + value + (down ? " DESC" : " ASC");
    return std::move(out_);
  }

 private:
  bool done() const { return at_ >= text_.size(); }
  void space() {
    while (!done() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
  }
  Error wrong(std::string_view why) const {
    return Error{Code::invalid, "filter, at byte " + std::to_string(at_ + 1) + ": " + std::string{why}};
  }
  static bool plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '/' || (static_cast<unsigned char>(c) & 0x80U) != 0;
  }
  // A word that stands alone, in large or small letters.
  bool word(std::string_view expected) {
    space();
    if (text_.size() - std::min(at_, text_.size()) < expected.size()) return false;
    if (!same(text_.substr(at_, expected.size()), expected)) return false;
    const std::size_t end = at_ + expected.size();
    if (end < text_.size() && plain(text_[end])) return false;
    at_ = end;
    return true;
  }
  std::string put(SqlValue value) {
    out_.args.push_back(std::move(value));
    return "?" + std::to_string(next_++);
  }

  // Quoted by `quote`, which may not stand inside.
  Result<std::string> quoted() {
    const char quote = text_[at_];
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return wrong("a quote is not closed");
    std::string value{text_.substr(at_ + 1, end - at_ - 1)};
    at_ = end + 1;
    return value;
  }

  Result<std::string> piece(bool dots) {
    if (!done() && (text_[at_] == '`' || text_[at_] == '"')) return quoted();
    const std::size_t begin = at_;
    while (!done() && (plain(text_[at_]) || (dots && text_[at_] == '.'))) ++at_;
    if (at_ == begin) return wrong("a name is expected");
    return std::string{text_.substr(begin, at_ - begin)};
  }

  Result<Name> name() {
    space();
    ACESO_TRY(const std::string first, piece(false));
    Name out;
    if (done() || text_[at_] != '.') {
      out.key = first;
      return out;
    }
    const std::size_t dot = at_++;
    ACESO_TRY(out.key, piece(true));
    if (same(first, "metrics") || same(first, "metric")) {
      out.kind = Kind::metric;
    } else if (same(first, "params") || same(first, "parameters") || same(first, "param") || same(first, "parameter")) {
      out.kind = Kind::param;
    } else if (same(first, "tags") || same(first, "tag")) {
      out.kind = Kind::tag;
    } else if (same(first, "attributes") || same(first, "attribute") || same(first, "attr") || same(first, "run")) {
      out.kind = Kind::attribute;
    } else if (same(first, "dataset") || same(first, "datasets")) {
      return Error{Code::unsupported, "filter: data sets cannot be searched by"};
    } else {
      at_ = dot;
      return wrong("metrics, params, tags or attributes is expected before the point");
    }
    if (experiments_ && (out.kind == Kind::metric || out.kind == Kind::param))
      return wrong("experiments have tags only");
    // "tags.mlflow.runName" is the run's name.
    if (!experiments_ && out.kind == Kind::tag && out.key == "mlflow.runName") return Name{Kind::attribute, "run_name"};
    return out;
  }

  Result<Column> column(const Name& name) const {
    const auto find = [&](const auto& columns) -> Result<Column> {
      for (const Column& column : columns) {
        if (column.name == name.key) return column;
      }
      return wrong("this attribute cannot be searched by");
    };
    return experiments_ ? find(kExperimentFields) : find(kRunFields);
  }

  Result<std::string> string_value() {
    space();
    if (done() || (text_[at_] != '\'' && text_[at_] != '"')) return wrong("a text in quotes is expected");
    return quoted();
  }
  Result<double> number_value() {
    space();
    std::size_t begin = at_;
    const bool in_quotes = !done() && (text_[at_] == '\'' || text_[at_] == '"');
    if (in_quotes) begin = ++at_;
    double value = 0;
    const auto [end, error] = std::from_chars(text_.data() + begin, text_.data() + text_.size(), value);
    if (error != std::errc{}) return wrong("a number is expected");
    at_ = static_cast<std::size_t>(end - text_.data());
    if (in_quotes && (done() || (text_[at_] != '\'' && text_[at_] != '"'))) return wrong("a quote is not closed");
    if (in_quotes) ++at_;
    return value;
  }

  std::optional<std::string_view> sign() {
    space();
    for (const std::string_view op : {"!=", ">=", "<=", "=", ">", "<"}) {
      if (!text_.substr(std::min(at_, text_.size())).starts_with(op)) continue;
      at_ += op.size();
      return op == "!=" ? std::string_view{"<>"} : op;
    }
    return std::nullopt;
  }

  // `value` is a column or expression; what follows decides.
  Result<std::string> texts(const std::string& value) {
    if (const auto op = sign()) {
      ACESO_TRY(std::string text, string_value());
      return value + " " + std::string{*op} + " " + put(std::move(text));
    }
    if (word("LIKE")) {
      ACESO_TRY(const std::string text, string_value());
      return value + " GLOB " + put(glob_of(text));
    }
    if (word("ILIKE")) {
      ACESO_TRY(std::string text, string_value());
      return value + " LIKE " + put(std::move(text));
    }
    const bool negated = word("NOT");
    if (!word("IN")) return wrong("a comparison is expected");
    space();
    if (done() || text_[at_] != '(') return wrong("( is expected");
    std::string list;
    do {
      ++at_;
      ACESO_TRY(std::string text, string_value());
      if (out_.args.size() > kMaxList) return wrong("the list is too long");
      list += (list.empty() ? "" : ", ") + put(std::move(text));
      space();
    } while (!done() && text_[at_] == ',');
    if (done() || text_[at_] != ')') return wrong(") is expected");
    ++at_;
    return value + (negated ? " NOT IN (" : " IN (") + list + ")";
  }

  Result<std::string> numbers(const std::string& value) {
    const auto op = sign();
    if (!op) return wrong("a comparison of numbers is expected");
    ACESO_TRY(const double number, number_value());
    return value + " " + std::string{*op} + " " + put(number);
  }

  Status comparison() {
    ACESO_TRY(const Name name, this->name());
    if (name.kind == Kind::attribute) {
      ACESO_TRY(const Column column, this->column(name));
      ACESO_TRY(const std::string sql, column.text ? texts(std::string{column.sql}) : numbers(std::string{column.sql}));
      out_.sql += sql;
      return {};
    }
    const char* table = experiments_                ? "experiment_tags"
                        : name.kind == Kind::metric ? "latest_metrics"
                        : name.kind == Kind::param  ? "params"
                                                    : "tags";
    const std::string head = std::string{"EXISTS (SELECT 1 FROM "} + table + " v WHERE v." +
                             (experiments_ ? "experiment = e.id" : "run = r.id") + " AND v.key = " + put(name.key);
    if (word("IS")) {
      const bool negated = word("NOT");
      if (!word("NULL")) return wrong("NULL is expected");
      out_.sql += (negated ? "" : "NOT ") + head + ")";
      return {};
    }
    ACESO_TRY(const std::string sql, name.kind == Kind::metric ? numbers("v.value") : texts("v.value"));
    out_.sql += head + " AND " + sql + (name.kind == Kind::metric ? " AND v.nan = 0)" : ")");
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0, next_;
  bool experiments_;
  SqlPart out_;
};

}  // namespace

Result<SqlPart> run_filter_sql(std::string_view filter, std::size_t first) {
  return Parser{filter, first, false}.filter();
}

Result<SqlPart> experiment_filter_sql(std::string_view filter, std::size_t first) {
  return Parser{filter, first, true}.filter();
}

Result<SqlPart> run_order_sql(const std::vector<std::string>& order_by, std::size_t first) {
  if (order_by.size() > kMaxOrder) return Error{Code::invalid, "order_by: more than 16 terms"};
  SqlPart all;
  for (const std::string& term : order_by) {
    auto one = Parser{term, first + all.args.size(), false}.order();
    if (!one) return std::move(std::move(one).error().add_context("order_by"));
    all.sql += one->sql + ", ";
    for (SqlValue& value : one->args) all.args.push_back(std::move(value));
  }
  all.sql += "r.start_ms DESC, r.id";
  return all;
}

}  // namespace aceso::tracking
