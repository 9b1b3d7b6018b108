// Plans, made once and kept: to make one takes several times as long as to execute it, until the
// transform no longer fits the processor's caches.
//
// FFTW's planner is not thread-safe (executing a plan is): one mutex for each precision guards
// making, destroying and the cache. FFTW_ESTIMATE neither measures nor touches the arrays, and
// gives the same plan, hence the same bits, every time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include <edgemesh_plugin.hpp>

#include "fftw.hpp"

namespace fft {

// What a transform is from and to. The first two are FFTW's own signs.
enum Kind : int {
    complex_forward = FFTW_FORWARD,
    complex_inverse = FFTW_BACKWARD,
    real_to_full = 0, // only the first half is written, with room for the second
    real_to_half = 2,
    half_to_real = 3,
};

// What a plan was made for. It serves any arrays of that shape and alignment.
struct PlanKey {
    edgemesh::Shape shape; // the real side's
    std::vector<std::size_t> axes;
    int kind; // a Kind
    int alignment_in, alignment_out;
    bool in_place = false;

    friend bool operator==(const PlanKey &a, const PlanKey &b) {
        return a.kind == b.kind && a.alignment_in == b.alignment_in &&
               a.alignment_out == b.alignment_out && a.in_place == b.in_place &&
               a.shape == b.shape && a.axes == b.axes;
    }
};

template <class Real> class Plans {
  public:
    using Plan = typename Fftw<Real>::Plan;
    using Shared = std::shared_ptr<std::remove_pointer_t<Plan>>;

    // One for the process.
    static Plans &instance() {
        static Plans &plans = *new Plans; // outlives calls that run as the process ends
        return plans;
    }

    // The plan for key: a kept one, or what make() gives. Failure: FFTW has none.
    template <class Make> Shared get(const PlanKey &key, Make &&make) {
        std::vector<Shared> evicted; // destroyed after the lock is let go
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = std::find_if(kept_.begin(), kept_.end(),
                                        [&](const Kept &kept) { return kept.key == key; });
        if (found != kept_.end()) {
            kept_.splice(kept_.begin(), kept_, found);
            return found->plan;
        }
        const Plan made = make();
        if (made == nullptr) throw edgemesh::Failure("NoPlan", "FFTW has no plan for this shape");
        Shared plan(made, [this](Plan old) { destroy(old); });
        kept_.push_front({key, points(key), plan});
        points_ += kept_.front().points;
        while (kept_.size() > most_plans || (points_ > most_points && !kept_.empty())) {
            points_ -= kept_.back().points;
            evicted.push_back(std::move(kept_.back().plan));
            kept_.pop_back();
        }
        return plan;
    }

  private:
    static constexpr std::size_t most_plans = 64;
    // Transformed lengths of all plans kept: their tables take about 16 bytes for each.
    static constexpr std::uint64_t most_points = std::uint64_t{1} << 22;

    struct Kept {
        PlanKey key;
        std::uint64_t points = 0;
        Shared plan;
    };

    static std::uint64_t points(const PlanKey &key) {
        std::uint64_t sum = 0;
        for (const std::size_t axis : key.axes) sum += static_cast<std::uint64_t>(key.shape[axis]);
        return sum;
    }
    void destroy(Plan plan) {
        const std::lock_guard<std::mutex> lock(mutex_);
        Fftw<Real>::destroy(plan);
    }

    std::mutex mutex_;
    std::list<Kept> kept_; // last used first
    std::uint64_t points_ = 0;
};

} // namespace fft
