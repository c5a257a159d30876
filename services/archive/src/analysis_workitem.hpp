// An analysis of the node as a work item that the node performs (IHE AIW-I): its state, what it reads, what it made.
#pragma once

#include <string>

#include "analyses_impl.hpp"
#include "web.hpp"
#include "workitem.hpp"

namespace aceso::archive {

// `root`: the address of DICOMweb, for where to retrieve what.
Workitem workitem_of(const Analyses::Impl& analyses, const Analysis& analysis, const std::string& root);

}  // namespace aceso::archive
