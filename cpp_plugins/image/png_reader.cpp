#include "png_reader.hpp"

#include <cstdio>
#include <cstring>
#include <new>
#include <string>

namespace image {

PngReader::PngReader(const edgemesh::Call &call, const edgemesh::Tensor &file)
    : call_(call), file_(file), next_(static_cast<const png_byte *>(file.data())),
      left_(file.nbytes()) {
    if (setjmp(jump_) == 0) {
        png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, ignore);
        if (png_ != nullptr) info_ = png_create_info_struct(png_);
    }
    if (info_ == nullptr) {
        png_destroy_read_struct(&png_, nullptr, nullptr);
        throw std::bad_alloc();
    }
}

PngReader::~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

Frame PngReader::read_header() {
    Frame frame{};
    if (setjmp(jump_) != 0) fail();
    png_set_read_fn(png_, this, take);
    png_set_user_limits(png_, 1U << 30, 1U << 30);
    // Only what makes pixels: no text, no colour profile, nothing else that would be inflated.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png_, info_);
    frame.width = png_get_image_width(png_, info_);
    frame.height = png_get_image_height(png_, info_);
    // Deflate makes at most 1032 bytes of one.
    frame.least_bytes = std::uint64_t{png_get_rowbytes(png_, info_)} * frame.height / 1032;
    png_set_expand(png_);
    if (png_get_bit_depth(png_, info_) == 16) png_set_swap(png_); // little-endian
    const bool transparent = (png_get_color_type(png_, info_) & PNG_COLOR_MASK_ALPHA) != 0 ||
                             png_get_valid(png_, info_, PNG_INFO_tRNS) != 0;
    if (transparent) png_set_gray_to_rgb(png_);
    png_set_read_status_fn(png_, row_read);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    frame.depth = png_get_bit_depth(png_, info_) == 16 ? CV_16U : CV_8U;
    frame.channels = png_get_channels(png_, info_);
    return frame;
}

void PngReader::read_pixels(const cv::Mat &pixels) {
    rows_.resize(static_cast<std::size_t>(pixels.rows));
    for (int row = 0; row < pixels.rows; ++row) {
        rows_[static_cast<std::size_t>(row)] =
            pixels.data + pixels.step * static_cast<std::size_t>(row);
    }
    if (setjmp(jump_) != 0) fail();
    png_read_image(png_, rows_.data());
    png_read_end(png_, nullptr);
}

void PngReader::fail() const {
    if (cancelled_) throw edgemesh::Cancelled();
    throw edgemesh::InvalidInput(file_.field(),
                                 "must be a whole PNG file: " + std::string(message_));
}

void PngReader::take(png_structp png, png_bytep data, std::size_t size) {
    auto *const reader = static_cast<PngReader *>(png_get_io_ptr(png));
    if (size > reader->left_) png_error(png, "it ends early");
    std::memcpy(data, reader->next_, size);
    reader->next_ += size;
    reader->left_ -= size;
}

void PngReader::on_error(png_structp png, png_const_charp message) {
    auto *const reader = static_cast<PngReader *>(png_get_error_ptr(png));
    std::snprintf(reader->message_, sizeof reader->message_, "%s", message);
    std::longjmp(reader->jump_, 1);
}

void PngReader::row_read(png_structp png, png_uint_32, int) {
    auto *const reader = static_cast<PngReader *>(png_get_io_ptr(png));
    reader->cancelled_ = reader->call_.cancelled();
    if (reader->cancelled_) png_error(png, "cancelled");
}

} // namespace image
