// What the plugin offers: one function for each algorithm, which describes it.
#pragma once

#include <edgemesh_plugin.hpp>

namespace filters {

edgemesh::Algorithm lfilter();
edgemesh::Algorithm sosfilt();
edgemesh::Algorithm filtfilt();
edgemesh::Algorithm sosfiltfilt();
edgemesh::Algorithm firwin();
edgemesh::Algorithm butter();
edgemesh::Algorithm cheby1();
edgemesh::Algorithm cheby2();

} // namespace filters
