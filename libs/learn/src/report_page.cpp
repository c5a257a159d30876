#include "report_page.hpp"

#include <nlohmann/json.hpp>

namespace aceso::learn::page {
namespace {

constexpr std::string_view kStyle = R"css(
:root{--ink:#17202a;--soft:#5b6773;--rule:#d8dee4;--one:#0b6e8f;--two:#b4541a;--good:11,110,143;--bad:180,84,26}
*{box-sizing:border-box}body{font:16px/1.5 system-ui,"Segoe UI","Noto Sans","Noto Sans CJK SC",sans-serif;color:var(--ink);background:#fff;margin:0 auto;padding:2rem 1.5rem 4rem;max-width:62rem}
h1{font-size:1.9rem;margin:0 0 .2rem}h2{font-size:1.2rem;margin:2.2rem 0 .6rem;padding-top:.8rem;border-top:1px solid var(--rule)}p{max-width:46rem}
.use{background:#fff4e5;border-left:4px solid var(--two);padding:.7rem 1rem;margin:1rem 0}.use strong{display:block}
.soft,figcaption,small{color:var(--soft)}small{display:block;font-size:.8rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.8rem}.tile{border:1px solid var(--rule);border-radius:8px;padding:.7rem .9rem}.tile b{display:block;font-size:1.6rem;font-variant-numeric:tabular-nums}
.row{display:flex;flex-wrap:wrap;gap:1.5rem}figure{margin:0;flex:1 1 20rem;max-width:26rem}svg{width:100%;height:auto;font-size:11px}svg text{fill:var(--soft)}
.grid{stroke:var(--rule)}path{fill:none;stroke-width:2}.main{stroke:var(--one)}.second{stroke:var(--two)}.chance{stroke:var(--soft);stroke-width:1;stroke-dasharray:4 4}.whisker{stroke:var(--one);stroke-width:1}.dot{fill:var(--one)}.k1{color:var(--one);font-weight:600}.k2{color:var(--two);font-weight:600}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:.35rem .7rem;border-bottom:1px solid var(--rule);vertical-align:top}th{font-weight:600}
.verdict{border-left:4px solid var(--one);background:#eef6f9;padding:.7rem 1rem;margin:1rem 0}.verdict.bad{border-color:var(--two);background:#fff4e5}
.area{fill:rgba(var(--good),.14);stroke:none}.third{stroke:#6a4c93}.k3{color:#6a4c93;font-weight:600}.k4{color:var(--soft);font-weight:600}
.wide{flex-basis:100%;max-width:46rem}th small{font-weight:400}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(7.5rem,1fr));gap:.8rem}.pictures figure{max-width:none}.pictures img{width:100%;image-rendering:pixelated;background:#000;border-radius:4px}
.pictures.large{grid-template-columns:repeat(auto-fill,minmax(11rem,1fr))}
.list td:first-child{white-space:nowrap}.missing{color:var(--two);font-weight:600}
.confusion{width:auto}.confusion td{text-align:center;min-width:6rem}.right{background:rgba(var(--good),calc(var(--share)*.35))}.wrong{background:rgba(var(--bad),calc(var(--share)*.6))}
code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}
@page{size:A4;margin:14mm 12mm}
@media print{body{padding:0;max-width:none;font-size:11pt}h2{break-after:avoid}figure,.tile,.use,.verdict,tr{break-inside:avoid}thead{display:table-header-group}h2,h3{break-after:avoid}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
)css";

}  // namespace

const Json& get(const Json& object, std::string_view key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(std::string{key});
  return found == object.end() ? kNull : *found;
}

std::string text(const Json& value) {
  return value.is_string() ? escape_html(value.get<std::string>())
         : value.is_null() ? std::string{}
                           : escape_html(value.dump());
}

std::string interval(const Json& figure) {
  if (!get(figure, "low").is_number()) return {};
  return format_number(get(figure, "low"), 3) + " to " + format_number(get(figure, "high"), 3);
}

std::string tile(const char* name, const Json& figure) {
  std::string out = std::string{"<div class=\"tile\">"} + name + "<b>" +
                    (figure.is_object() ? format_number(get(figure, "value"), 3) : format_number(figure, 3)) + "</b>";
  if (const std::string range = interval(figure); !range.empty()) out += "<small>95 %: " + range + "</small>";
  return out + "</div>";
}

std::string figure_row(const char* name, const char* meaning, const Json& figure) {
  if (figure.is_null())
    return std::string{"<tr><th>"} + name + "<small>" + meaning + "</small></th><td>n/a</td><td></td><td></td></tr>";
  const Json& value = figure.is_object() ? get(figure, "value") : figure;
  std::string counts = get(figure, "trials").is_number() ? format_number(get(figure, "successes"), 0) + " of " +
                                                               format_number(get(figure, "trials"), 0)
                                                         : "";
  return std::string{"<tr><th>"} + name + "<small>" + meaning + "</small></th><td>" + format_number(value, 3) +
         "</td><td>" + interval(figure) + "<small>" + text(get(figure, "method")) + "</small></td><td>" + counts +
         "</td></tr>";
}

std::string pair_row(const char* name, const std::string& value) {
  return value.empty() ? std::string{} : std::string{"<tr><th>"} + name + "</th><td>" + value + "</td></tr>";
}

std::string value_with_interval(const Json& figure, int digits) {
  if (!figure.is_object()) return format_number(figure, digits);
  std::string out = format_number(get(figure, "value"), digits);
  if (get(figure, "low").is_number())
    out += " (" + format_number(get(figure, "low"), digits) + " to " + format_number(get(figure, "high"), digits) + ")";
  return out;
}

std::string p_value(const Json& p) {
  if (!p.is_number()) return {};
  return p.get<double>() < 0.001 ? "p &lt; 0.001" : "p = " + format_number(p, 3);
}

std::string head(const std::string& title, const std::string& kind, const Json& card) {
  std::string out =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><title>" +
      title + " - " + kind + "</title><style>";
  out += kStyle;
  out += "</style></head><body><h1>" + title + "</h1><p class=\"soft\">" + kind;
  if (get(card, "created").is_string()) out += ", model made " + text(get(card, "created"));
  return out +
         "</p><div class=\"use\"><strong>Research use only. Not for diagnosis, treatment or any other clinical "
         "decision.</strong>" +
         text(get(card, "intended_use")) + "</div>";
}

}  // namespace aceso::learn::page
