// What rules ask of a series.
#pragma once

#include "object_store.hpp"
#include "routing_rules.hpp"

namespace aceso::archive {

// Of the series of `first`, as kept; empty where the object or its attributes are gone. Takes the study's lock.
SeriesFacts series_facts(const ObjectStore& store, const Instance& first);

}  // namespace aceso::archive
