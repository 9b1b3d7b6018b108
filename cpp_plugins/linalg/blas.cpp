#include "blas.hpp"

#include <algorithm>
#include <mutex>

namespace linalg {

void use_threads(unsigned threads) {
    static std::mutex mutex;
    const std::lock_guard<std::mutex> lock(mutex);
    const int wanted = static_cast<int>(std::min(threads, 1024U));
    if (openblas_get_num_threads() != wanted) openblas_set_num_threads(wanted);
}

} // namespace linalg
