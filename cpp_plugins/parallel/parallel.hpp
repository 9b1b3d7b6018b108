// Work that falls into independent parts, on the threads of a call. Between parts the call may be
// cancelled; the first exception ends it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace parallel {

// Calls part(begin, end) for pieces of [0, count) of at most `piece`.
template <class Part>
void over(const edgemesh::Call &call, std::size_t count, std::size_t piece, Part &&part) {
    std::atomic<std::size_t> next{0};
    std::atomic<bool> stopped{false};
    std::mutex mutex;
    std::exception_ptr thrown;
    const auto work = [&] {
        try {
            while (!stopped) {
                const std::size_t begin = next.fetch_add(piece);
                if (begin >= count) return;
                call.check_cancelled();
                part(begin, std::min(count, begin + piece));
            }
        } catch (...) {
            stopped = true;
            const std::lock_guard<std::mutex> lock(mutex);
            if (thrown == nullptr) thrown = std::current_exception();
        }
    };
    const std::size_t pieces = (count + piece - 1) / piece;
    const std::size_t threads = std::min<std::size_t>({call.threads(), pieces, 256});
    std::vector<std::thread> helpers;
    try {
        while (helpers.size() + 1 < threads) helpers.emplace_back(work);
    } catch (const std::system_error &) { // no more threads: those that are there will do
    }
    work();
    for (std::thread &helper : helpers) helper.join();
    if (thrown != nullptr) std::rethrow_exception(thrown);
}

} // namespace parallel
