// The symmetric windows of `count` points, at least two. Names and arguments are those of
// scipy.signal.windows.
#pragma once

#include <cstddef>
#include <vector>

namespace dsp::shapes {

using Values = std::vector<double>;

// sum of a[k] cos(k x), x from -pi to pi
Values general_cosine(std::size_t count, const std::vector<double> &a);
Values triang(std::size_t count);
Values bartlett(std::size_t count);
Values parzen(std::size_t count);
Values bohman(std::size_t count);
Values barthann(std::size_t count);
Values cosine(std::size_t count);
Values lanczos(std::size_t count);
Values tukey(std::size_t count, double alpha);
Values kaiser(std::size_t count, double beta);
Values general_gaussian(std::size_t count, double p, double sigma);
Values exponential(std::size_t count, double center, double tau);
Values taylor(std::size_t count, int nbar, double sidelobe_db, bool norm);

} // namespace dsp::shapes
