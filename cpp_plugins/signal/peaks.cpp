// cpp.find_peaks: scipy.signal.find_peaks. Where peaks of the same height are too close to each
// other, the last one is kept.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "algorithms.hpp"
#include "lines.hpp"
#include "options.hpp"

namespace signals {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Json;
using Index = std::int64_t;

// A condition: a number, the least; or [least, most], where null is none. Either may be a list with
// a number for each element of x.
struct Interval {
    std::vector<double> least, most; // one, or one for each element of x, or none

    bool holds(double low, double high, Index peak) const {
        return (least.empty() || at(least, peak) <= low) &&
               (most.empty() || high <= at(most, peak));
    }
    static double at(const std::vector<double> &bounds, Index peak) {
        return bounds.size() == 1 ? bounds[0] : bounds[static_cast<std::size_t>(peak)];
    }
};

std::vector<double> bound(const Json &value, const std::string &field, std::size_t size) {
    if (value.is_null()) return {};
    if (!value.is_array()) return {edgemesh::detail::convert<double>(value, field)};
    auto all = edgemesh::detail::convert<std::vector<double>>(value, field);
    if (all.size() != size)
        throw InvalidInput(field, "must be as long as x, " + std::to_string(size));
    return all;
}

std::optional<Interval> interval(const edgemesh::Parameters &parameters, const std::string &name,
                                 std::size_t size) {
    if (!parameters.has(name) || dsp::is_null(parameters, name)) return std::nullopt;
    const Json &value = parameters.json().at(name);
    const std::string field = "parameters." + name;
    if (value.is_array() && value.size() == 2) {
        return Interval{bound(value[0], field + "[0]", size), bound(value[1], field + "[1]", size)};
    }
    return Interval{bound(value, field, size), {}};
}

// The peaks, and what is known of them by name; those that fail a condition leave all lists.
class Peaks {
  public:
    Peaks(const edgemesh::Call &call, std::vector<double> x) : call_(call), x_(std::move(x)) {
        const auto end = static_cast<Index>(x_.size()) - 1;
        for (Index i = 1; i < end; ++i) {
            if (i % (Index{1} << 20) == 0) call.check_cancelled();
            if (!(at(i - 1) < at(i))) continue;
            Index ahead = i + 1;
            while (ahead < end && at(ahead) == at(i)) ++ahead;
            if (at(ahead) < at(i)) {
                places.push_back((i + ahead - 1) / 2);
                left_.push_back(i);
                right_.push_back(ahead - 1);
                i = ahead;
            }
        }
    }

    std::vector<Index> places;
    std::map<std::string, std::vector<Index>> indices;
    std::map<std::string, std::vector<double>> numbers;

    double at(Index i) const { return x_[static_cast<std::size_t>(i)]; }
    std::size_t size() const { return places.size(); }

    void plateaus(const Interval &condition) {
        auto &sizes = indices["plateau_sizes"];
        for (std::size_t p = 0; p < size(); ++p) sizes.push_back(right_[p] - left_[p] + 1);
        indices["left_edges"] = left_;
        indices["right_edges"] = right_;
        select([&](std::size_t p) {
            const auto value = static_cast<double>(indices["plateau_sizes"][p]);
            return condition.holds(value, value, places[p]);
        });
    }

    void heights(const Interval &condition) {
        auto &all = numbers["peak_heights"];
        for (const Index peak : places) all.push_back(at(peak));
        select([&](std::size_t p) { return holds(condition, "peak_heights", p); });
    }

    void thresholds(const Interval &condition) {
        auto &left = numbers["left_thresholds"], &right = numbers["right_thresholds"];
        for (const Index peak : places) {
            left.push_back(at(peak) - at(peak - 1));
            right.push_back(at(peak) - at(peak + 1));
        }
        select([&](std::size_t p) {
            // each side by itself, so that NaN on either fails
            return condition.holds(left[p], left[p], places[p]) &&
                   condition.holds(right[p], right[p], places[p]);
        });
    }

    // The highest first: each removes the lower ones around it.
    void distance(double least) {
        const double apart = std::min(std::ceil(least), 9e15);
        std::vector<std::size_t> order(size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return at(places[a]) < at(places[b]);
        });
        std::vector<bool> keep(size(), true);
        const auto close = [&](std::size_t a, std::size_t b) {
            return static_cast<double>(places[b] - places[a]) < apart;
        };
        for (std::size_t i = order.size(); i-- > 0;) {
            const std::size_t p = order[i];
            if (!keep[p]) continue;
            for (std::size_t k = p; k-- > 0 && close(k, p);) keep[k] = false;
            for (std::size_t k = p + 1; k < size() && close(p, k); ++k) keep[k] = false;
        }
        select([&](std::size_t p) { return keep[p]; });
    }

    // How far each stands out: down to the higher one of the lowest points on both sides, before a
    // higher peak comes, or the window's end.
    void prominences(Index wlen) {
        auto &all = numbers["prominences"];
        auto &left = indices["left_bases"], &right = indices["right_bases"];
        const auto last = static_cast<Index>(x_.size()) - 1;
        for (const Index peak : places) {
            const Index low = wlen >= 2 ? std::max(peak - wlen / 2, Index{0}) : 0;
            const Index high = wlen >= 2 && wlen / 2 < last - peak ? peak + wlen / 2 : last;
            const Index left_base = base(peak, low, -1), right_base = base(peak, high, 1);
            left.push_back(left_base);
            right.push_back(right_base);
            all.push_back(at(peak) - std::max(at(left_base), at(right_base)));
        }
    }

    void widths(double rel_height) {
        auto &all = numbers["widths"], &heights = numbers["width_heights"];
        auto &lefts = numbers["left_ips"], &rights = numbers["right_ips"];
        for (std::size_t p = 0; p < size(); ++p) {
            const Index peak = places[p];
            const double height = at(peak) - numbers["prominences"][p] * rel_height;
            const double left = crossing(peak, indices["left_bases"][p], height, -1);
            const double right = crossing(peak, indices["right_bases"][p], height, 1);
            heights.push_back(height);
            lefts.push_back(left);
            rights.push_back(right);
            all.push_back(right - left);
        }
    }

    bool holds(const Interval &condition, const std::string &name, std::size_t p) {
        const double value = numbers[name][p];
        return condition.holds(value, value, places[p]);
    }

    void select(const std::function<bool(std::size_t)> &wanted) {
        std::vector<std::size_t> kept;
        for (std::size_t p = 0; p < size(); ++p) {
            if (wanted(p)) kept.push_back(p);
        }
        const auto thin = [&](auto &list) {
            for (std::size_t i = 0; i < kept.size(); ++i) list[i] = list[kept[i]];
            list.resize(kept.size());
        };
        for (auto &[name, list] : indices) thin(list);
        for (auto &[name, list] : numbers) thin(list);
        thin(places);
    }

  private:
    void count_step() {
        if (++steps_ % (std::size_t{1} << 20) == 0) call_.check_cancelled();
    }

    Index base(Index peak, Index end, Index step) {
        Index lowest = peak;
        for (Index i = peak; (end - i) * step >= 0 && at(i) <= at(peak); i += step) {
            count_step();
            if (at(i) < at(lowest)) lowest = i;
        }
        return lowest;
    }

    double crossing(Index peak, Index end, double height, Index step) {
        Index i = peak;
        for (; i != end && height < at(i); i += step) count_step();
        auto place = static_cast<double>(i);
        if (at(i) < height && at(i - step) != at(i)) {
            place -= static_cast<double>(step) * (height - at(i)) / (at(i - step) - at(i));
        }
        return place;
    }

    const edgemesh::Call &call_;
    std::vector<double> x_;
    std::vector<Index> left_, right_; // of the plateaus, before any condition
    std::size_t steps_ = 0;
};

Index window_length(const edgemesh::Parameters &parameters) {
    const auto wlen = dsp::find<double>(parameters, "wlen");
    if (!wlen) return -1;
    if (!(*wlen > 1.0)) throw InvalidInput("parameters.wlen", "must be above 1");
    return static_cast<Index>(std::min(std::ceil(*wlen), 9e15));
}

void run(edgemesh::Call &call) {
    const edgemesh::Parameters &parameters = call.parameters();
    auto x = dsp::read_all<double>(call.input("x"));
    const std::size_t size = x.size();
    const auto condition = [&](const char *name) { return interval(parameters, name, size); };
    const auto plateau_size = condition("plateau_size"), height = condition("height"),
               threshold = condition("threshold"), prominence = condition("prominence"),
               width = condition("width");
    const auto distance = dsp::find<double>(parameters, "distance");
    if (distance && !(*distance >= 1.0)) {
        throw InvalidInput("parameters.distance", "must be at least 1");
    }
    const Index wlen = window_length(parameters);
    const double rel_height = dsp::get<double>(parameters, "rel_height", 0.5);
    if (!(rel_height >= 0.0)) throw InvalidInput("parameters.rel_height", "must be at least 0");

    Peaks peaks(call, std::move(x));
    if (plateau_size) peaks.plateaus(*plateau_size);
    if (height) peaks.heights(*height);
    if (threshold) peaks.thresholds(*threshold);
    if (distance) peaks.distance(*distance);
    if (prominence || width) peaks.prominences(wlen);
    if (prominence) {
        peaks.select([&](std::size_t p) { return peaks.holds(*prominence, "prominences", p); });
    }
    if (width) {
        peaks.widths(rel_height);
        peaks.select([&](std::size_t p) { return peaks.holds(*width, "widths", p); });
    }
    const auto count = static_cast<std::int64_t>(peaks.size());
    const auto write = [&](const std::string &name, const auto &list, auto zero) {
        const auto y = call.output<decltype(zero)>(name, {count});
        std::copy(list.begin(), list.end(), y.begin());
    };
    write("peaks", peaks.places, Index{});
    for (const auto &[name, list] : peaks.indices) write(name, list, Index{});
    for (const auto &[name, list] : peaks.numbers) write(name, list, double{});
}

template <class T> edgemesh::TensorSpec list(const std::string &name, const std::string &about) {
    return edgemesh::TensorSpec(name).of<T>().shape({-1}).allow_empty().about(about);
}

Json condition_schema(const std::string &about) {
    return {{"type", {"number", "array", "null"}},
            {"description", about + ": the least, or [least, most], where null is none; either may "
                                    "be a list with a number for each element of x"}};
}

} // namespace

edgemesh::Algorithm find_peaks() {
    auto algorithm =
        edgemesh::Algorithm("cpp.find_peaks", "1")
            .about("The local maxima of a signal that meet conditions, as scipy.signal.find_peaks. "
                   "What a condition looks at is an output, if the condition was given.")
            .parameter("height", condition_schema("height"))
            .parameter("threshold", condition_schema("height above both neighbours"))
            .parameter("distance", dsp::nullable("number", "the least between peaks, in samples; "
                                                           "lower ones go first"))
            .parameter("prominence", condition_schema("how far a peak stands out"))
            .parameter("width", condition_schema("width, in samples"))
            .parameter("wlen", dsp::nullable("number", "samples around a peak that prominences "
                                                       "look at; all if absent"))
            .parameter("rel_height", dsp::schema("number",
                                                 "where the width is measured, as a part "
                                                 "of the prominence from above",
                                                 0.5))
            .parameter("plateau_size", condition_schema("samples of a flat top"))
            .input(edgemesh::TensorSpec("x").of<float, double>().shape({-1}).allow_empty())
            .output(list<Index>("peaks", "places in x"));
    for (const char *const name : {"plateau_sizes", "left_edges", "right_edges"}) {
        algorithm = std::move(algorithm).output(list<Index>(name, "with plateau_size").optional());
    }
    algorithm = std::move(algorithm).output(list<double>("peak_heights", "with height").optional());
    for (const char *const name : {"left_thresholds", "right_thresholds"}) {
        algorithm = std::move(algorithm).output(list<double>(name, "with threshold").optional());
    }
    algorithm = std::move(algorithm).output(
        list<double>("prominences", "with prominence or width").optional());
    for (const char *const name : {"left_bases", "right_bases"}) {
        algorithm =
            std::move(algorithm).output(list<Index>(name, "with prominence or width").optional());
    }
    for (const char *const name : {"widths", "width_heights", "left_ips", "right_ips"}) {
        algorithm = std::move(algorithm).output(list<double>(name, "with width").optional());
    }
    return std::move(algorithm).run(run);
}

} // namespace signals
