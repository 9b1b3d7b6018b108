// Values and their places as numbers that a vectorised sort puts in order: Highway's
// (Debian: libhwy-dev).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include <hwy/contrib/sort/vqsort.h>

namespace sorting {

template <class T> using KeyOf = std::conditional_t<(sizeof(T) <= 4), std::uint32_t, std::uint64_t>;
template <class Key> inline constexpr Key sign = Key{1} << (std::numeric_limits<Key>::digits - 1);

// An unsigned number for each value, in the same order; NaN is last, and 0 is -0.
template <class T> KeyOf<T> key(T value) {
    using Key = KeyOf<T>;
    if constexpr (std::is_floating_point_v<T>) {
        if (std::isnan(value)) return std::numeric_limits<Key>::max();
        Key bits = 0;
        const T zeroed = value + T{0}; // -0 + 0 is 0
        std::memcpy(&bits, &zeroed, sizeof bits);
        return bits & sign<Key> ? ~bits : bits | sign<Key>;
    } else if constexpr (std::is_signed_v<T>) {
        return static_cast<Key>(value) ^ sign<Key>; // as wide, the sign with it
    } else {
        return static_cast<Key>(value);
    }
}

// Sorts floats that are no NaN. Highway 1.0 loses infinities: where there are some, they are sorted
// as integers in the same order.
template <class T> void sort_floats(const hwy::Sorter &sorter, T *begin, T *end) {
    using Key = KeyOf<T>;
    if (std::none_of(begin, end, [](T value) { return std::isinf(value); })) {
        sorter(begin, static_cast<std::size_t>(end - begin), hwy::SortAscending());
        return;
    }
    const auto each = [&](auto &&change) {
        for (T *at = begin; at != end; ++at) {
            Key bits = 0;
            std::memcpy(&bits, at, sizeof bits);
            bits = change(bits);
            std::memcpy(at, &bits, sizeof bits);
        }
    };
    each([](Key bits) { return bits & sign<Key> ? ~bits : bits | sign<Key>; });
    sorter(reinterpret_cast<Key *>(begin), static_cast<std::size_t>(end - begin),
           hwy::SortAscending());
    each([](Key bits) { return bits & sign<Key> ? bits ^ sign<Key> : ~bits; });
}

// A key before its place, as one number: no two are equal, so that whatever sorts them is stable.
struct Narrow { // keys and places of 32 bits
    using Number = std::uint64_t;
    static Number join(std::uint32_t key, std::size_t place) { return Number{key} << 32 | place; }
    static std::int64_t place(Number number) {
        return static_cast<std::int64_t>(number & UINT32_MAX);
    }
};
struct Wide {
    using Number = hwy::uint128_t;
    static Number join(std::uint64_t key, std::size_t place) { return {place, key}; }
    static std::int64_t place(Number number) { return static_cast<std::int64_t>(number.lo); }
};

} // namespace sorting
