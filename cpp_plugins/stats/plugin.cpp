// Statistics: summaries, and models of data.
#include "algorithms.hpp"

EDGEMESH_PLUGIN("stats", "1.0.0", stats::describe(), stats::histogram(), stats::quantile(),
                stats::cov(), stats::linear_regression(), stats::kmeans(), stats::pca())
