#include "completion.hpp"

#include <algorithm>

namespace aceso::app {
namespace {

constexpr std::string_view kBash = R"(_aceso() {
  local IFS=$'\n'
  COMPREPLY=($(aceso __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _aceso aceso
)";
constexpr std::string_view kZsh = R"(#compdef aceso
_aceso() {
  local -a candidates
  candidates=("${(@f)$(aceso __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a candidates || _files
}
compdef _aceso aceso
)";
constexpr std::string_view kFish =
    R"(complete -c aceso -f -a '(aceso __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
)";

}  // namespace

Result<std::string> completion_script(std::string_view shell) {
  if (shell == "bash") return std::string{kBash};
  if (shell == "zsh") return std::string{kZsh};
  if (shell == "fish") return std::string{kFish};
  return Error{Code::invalid, "no completion for that shell: choose bash, zsh or fish"};
}

std::vector<std::string> complete(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    for (const CLI::App* child : at->get_subcommands({})) {
      if (child->get_name() == words[i]) at = child;
    }
  }
  const std::string prefix = words.empty() ? "" : words.back();
  std::vector<std::string> found;
  const auto offer = [&](const std::string& candidate) {
    if (!candidate.empty() && candidate.starts_with(prefix)) found.push_back(candidate);
  };
  if (!prefix.starts_with('-')) {
    for (const CLI::App* child : at->get_subcommands({})) {
      if (!child->get_group().empty()) offer(child->get_name());
    }
  } else {
    for (const CLI::App* level = at; level != nullptr; level = level->get_parent()) {
      for (const CLI::Option* option : level->get_options()) {
        for (const auto& name : option->get_lnames()) offer("--" + name);
      }
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace aceso::app
