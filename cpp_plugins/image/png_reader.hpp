// Reads a PNG file from memory by libpng. libpng reports errors by longjmp: each step sets its own
// target, has no C++ object between it and libpng, and throws once it is back.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <vector>

#include <png.h>

#include "codec.hpp"

namespace image {

class PngReader {
  public:
    PngReader(const edgemesh::Call &call, const edgemesh::Tensor &file);
    ~PngReader();
    PngReader(const PngReader &) = delete;
    PngReader &operator=(const PngReader &) = delete;

    // Bits below 8 and palettes are expanded, transparency is a channel, and so gray with alpha
    // is red, green, blue, alpha, as cv2.imdecode has it.
    Frame read_header();
    // pixels: of the frame's size and type.
    void read_pixels(const cv::Mat &pixels);

  private:
    [[noreturn]] void fail() const;
    static void take(png_structp png, png_bytep data, std::size_t size);
    static void on_error(png_structp png, png_const_charp message);
    static void ignore(png_structp, png_const_charp) {}
    static void row_read(png_structp png, png_uint_32 row, int pass);

    const edgemesh::Call &call_;
    const edgemesh::Tensor &file_;
    const png_byte *next_;
    std::size_t left_;
    png_structp png_ = nullptr;
    png_infop info_ = nullptr;
    std::vector<png_bytep> rows_;
    char message_[128] = "";
    bool cancelled_ = false;
    std::jmp_buf jump_{};
};

} // namespace image
