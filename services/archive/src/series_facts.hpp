// What rules ask of a series.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "aceso/base/clock.hpp"
#include "aceso/contracts/worklist.hpp"
#include "object_store.hpp"
#include "routing_rules.hpp"
#include "series_watch.hpp"

namespace aceso::archive {

// Of the series of `first`, as kept; empty where the object or its attributes are gone. Takes the study's lock.
SeriesFacts series_facts(const ObjectStore& store, const Instance& first);

// How many objects the series of `first` will have: what the first rule says that matches and says something, else
// Number of Series Related Instances (0020,1209) of the object; 0: nobody says. Reads the object's head.
std::size_t expected_objects(const ObjectStore& store, const Instance& first,
                             std::span<const RoutingRule* const> rules);
std::size_t objects_in(const Index& index, std::string_view study_uid, std::string_view series_uid);

// Asks of each series that nobody has asked of, and says whether one of them is complete by now.
bool count_series(SeriesWatch& watch, const ObjectStore& store, std::span<const RoutingRule* const> rules);

// A modality ended a step: each series that it named waits for the objects that it named, and is complete when they are
// here. True when one of them is.
bool end_series(SeriesWatch& watch, const Index& index, const contracts::PerformedStep& step, std::int64_t now_us,
                SteadyTime now);

}  // namespace aceso::archive
