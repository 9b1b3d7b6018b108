// cpp.find_peaks: scipy.signal.find_peaks. Where peaks of the same height are too close to each
// other, the last one is kept.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include <hwy/aligned_allocator.h>

#include "../sorting/placed.hpp"
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
    // flat: plateaus will be asked for.
    Peaks(const edgemesh::Call &call, const double *x, std::size_t size, bool flat)
        : call_(call), x_(x), last_(static_cast<Index>(size) - 1) {
        // Whether a place is a peak is as good as random: places are written without asking.
        constexpr Index piece = 1 << 12;
        std::vector<Index> found(piece);
        for (Index begin = 1; begin < last_; begin += piece) {
            if ((begin - 1) % (piece << 8) == 0) call.check_cancelled();
            const Index end = std::min(begin + piece, last_);
            std::size_t count = 0;
            for (Index i = begin; i < end; ++i) {
                found[count] = i;
                const int rises = at(i - 1) < at(i), goes_on = at(i) < at(i + 1);
                count += static_cast<std::size_t>(rises & ~goes_on);
            }
            for (std::size_t k = 0; k < count; ++k) {
                const Index i = found[k];
                Index ahead = i + 1;
                while (ahead < last_ && at(ahead) == at(i)) ++ahead;
                if (!(at(ahead) < at(i))) continue; // it goes on, or is no number
                places.push_back((i + ahead - 1) / 2);
                if (!flat) continue;
                left_.push_back(i);
                right_.push_back(ahead - 1);
            }
        }
    }

    std::vector<Index> places;
    std::map<std::string, std::vector<Index>> indices;
    std::map<std::string, std::vector<double>> numbers;

    double at(Index i) const { return x_[i]; }
    std::size_t size() const { return places.size(); }

    void plateaus(const Interval &condition) {
        auto &sizes = indices["plateau_sizes"];
        for (std::size_t p = 0; p < size(); ++p) sizes.push_back(right_[p] - left_[p] + 1);
        indices["left_edges"] = left_;
        indices["right_edges"] = right_;
        select([&](std::size_t p) {
            const auto value = static_cast<double>(sizes[p]);
            return condition.holds(value, value, places[p]);
        });
    }

    void heights(const Interval &condition) {
        auto &all = numbers["peak_heights"];
        all.reserve(size());
        for (const Index peak : places) all.push_back(at(peak));
        select("peak_heights", condition);
    }

    void thresholds(const Interval &condition) {
        auto &left = numbers["left_thresholds"], &right = numbers["right_thresholds"];
        left.reserve(size()), right.reserve(size());
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
        const auto order = hwy::AllocateAligned<sorting::Wide::Number>(size() + 1);
        if (order == nullptr) throw std::bad_alloc();
        for (std::size_t p = 0; p < size(); ++p) {
            order[p] = sorting::Wide::join(sorting::key(at(places[p])), p);
        }
        hwy::Sorter()(order.get(), size(), hwy::SortAscending());
        std::vector<char> keep(size(), 1);
        const auto close = [&](std::size_t a, std::size_t b) {
            return static_cast<double>(places[b] - places[a]) < apart;
        };
        for (std::size_t i = size(); i-- > 0;) {
            const auto p = static_cast<std::size_t>(sorting::Wide::place(order[i]));
            if (keep[p] == 0) continue;
            for (std::size_t k = p; k > 0 && close(k - 1, p); --k) keep[k - 1] = 0;
            for (std::size_t k = p + 1; k < size() && close(p, k); ++k) keep[k] = 0;
        }
        select([&](std::size_t p) { return keep[p] != 0; });
    }

    // How far each stands out: down to the higher one of the lowest points on both sides, before a
    // higher peak comes, or the window's end.
    void prominences(Index wlen) {
        auto &all = numbers["prominences"];
        auto &left = indices["left_bases"], &right = indices["right_bases"];
        all.reserve(size()), left.reserve(size()), right.reserve(size());
        for (const Index peak : places) {
            const Index low = wlen >= 2 ? std::max(peak - wlen / 2, Index{0}) : 0;
            const Index high = wlen >= 2 && wlen / 2 < last_ - peak ? peak + wlen / 2 : last_;
            const Index left_base = base<-1>(peak, low), right_base = base<1>(peak, high);
            left.push_back(left_base);
            right.push_back(right_base);
            all.push_back(at(peak) - std::max(at(left_base), at(right_base)));
        }
    }

    void widths(double rel_height) {
        auto &all = numbers["widths"], &heights = numbers["width_heights"];
        auto &lefts = numbers["left_ips"], &rights = numbers["right_ips"];
        const auto &prominences = numbers["prominences"];
        const auto &left_bases = indices["left_bases"], &right_bases = indices["right_bases"];
        for (auto *const list : {&all, &heights, &lefts, &rights}) list->reserve(size());
        for (std::size_t p = 0; p < size(); ++p) {
            const Index peak = places[p];
            const double height = at(peak) - prominences[p] * rel_height;
            const double left = crossing<-1>(peak, left_bases[p], height);
            const double right = crossing<1>(peak, right_bases[p], height);
            heights.push_back(height);
            lefts.push_back(left);
            rights.push_back(right);
            all.push_back(right - left);
        }
    }

    // Keeps those of which a number meets a condition.
    void select(const std::string &name, const Interval &condition) {
        const auto &values = numbers[name];
        select([&](std::size_t p) { return condition.holds(values[p], values[p], places[p]); });
    }

  private:
    template <class Wanted> void select(Wanted &&wanted) {
        std::vector<std::size_t> kept;
        kept.reserve(size());
        for (std::size_t p = 0; p < size(); ++p) {
            if (wanted(p)) kept.push_back(p);
        }
        if (kept.size() == size()) return;
        const auto thin = [&](auto &list) {
            for (std::size_t i = 0; i < kept.size(); ++i) list[i] = list[kept[i]];
            list.resize(kept.size());
        };
        for (auto &[name, list] : indices) thin(list);
        for (auto &[name, list] : numbers) thin(list);
        thin(places);
    }

    // Walks may be as long as the signal, for each peak.
    void walked(Index steps) {
        steps_ += std::abs(steps);
        if (steps_ < Index{1} << 20) return;
        steps_ = 0;
        call_.check_cancelled();
    }

    template <Index step> Index base(Index peak, Index end) {
        const double top = at(peak);
        double least = top;
        Index lowest = peak, i = peak;
        for (; i != end + step && at(i) <= top; i += step) {
            if (at(i) < least) least = at(i), lowest = i;
        }
        walked(i - peak);
        return lowest;
    }

    template <Index step> double crossing(Index peak, Index end, double height) {
        Index i = peak;
        while (i != end && height < at(i)) i += step;
        walked(i - peak);
        auto place = static_cast<double>(i);
        if (at(i) < height && at(i - step) != at(i)) {
            place -= static_cast<double>(step) * (height - at(i)) / (at(i - step) - at(i));
        }
        return place;
    }

    const edgemesh::Call &call_;
    const double *x_;
    Index last_;
    std::vector<Index> left_, right_; // of the plateaus, before any condition
    Index steps_ = 0;
};

Index window_length(const edgemesh::Parameters &parameters) {
    const auto wlen = dsp::find<double>(parameters, "wlen");
    if (!wlen) return -1;
    if (!(*wlen > 1.0)) throw InvalidInput("parameters.wlen", "must be above 1");
    return static_cast<Index>(std::min(std::ceil(*wlen), 9e15));
}

void run(edgemesh::Call &call) {
    const edgemesh::Parameters &parameters = call.parameters();
    const edgemesh::Tensor &input = call.input("x");
    const auto size = static_cast<std::size_t>(input.shape()[0]);
    std::vector<double> doubles;
    if (!input.is<double>()) doubles = dsp::read_all<double>(input);
    const double *const x = input.is<double>() ? input.as<double>().data() : doubles.data();
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

    Peaks peaks(call, x, size, plateau_size.has_value());
    if (plateau_size) peaks.plateaus(*plateau_size);
    if (height) peaks.heights(*height);
    if (threshold) peaks.thresholds(*threshold);
    if (distance) peaks.distance(*distance);
    if (prominence || width) peaks.prominences(wlen);
    if (prominence) peaks.select("prominences", *prominence);
    if (width) {
        peaks.widths(rel_height);
        peaks.select("widths", *width);
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
