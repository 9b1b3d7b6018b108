#include "png_writer.hpp"

#include <csetjmp>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include <png.h>

namespace image {
namespace {

// As the reader: nothing with a destructor lies between setjmp and libpng.
class PngWriter {
  public:
    explicit PngWriter(const edgemesh::Call &call) : call_(call) {
        if (setjmp(jump_) == 0) {
            png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, this, on_error, ignore);
            if (png_ != nullptr) info_ = png_create_info_struct(png_);
        }
        if (info_ == nullptr) {
            png_destroy_write_struct(&png_, nullptr);
            throw std::bad_alloc();
        }
    }
    ~PngWriter() { png_destroy_write_struct(&png_, &info_); }
    PngWriter(const PngWriter &) = delete;
    PngWriter &operator=(const PngWriter &) = delete;

    void write(const cv::Mat &pixels, int compression) {
        static constexpr int types[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
                                        PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
        if (setjmp(jump_) != 0) fail();
        png_set_user_limits(png_, 1U << 30, 1U << 30);
        png_set_write_fn(png_, this, put, nullptr);
        png_set_compression_level(png_, compression);
        // What cv2.imencode does at its default, and little slower than not to filter.
        png_set_filter(png_, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
        png_set_IHDR(png_, info_, static_cast<png_uint_32>(pixels.cols),
                     static_cast<png_uint_32>(pixels.rows),
                     static_cast<int>(pixels.elemSize1() * 8), types[pixels.channels() - 1],
                     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        png_write_info(png_, info_);
        if (pixels.depth() == CV_16U) png_set_swap(png_);
        for (int row = 0; row < pixels.rows; ++row) {
            if (call_.cancelled()) throw edgemesh::Cancelled();
            png_write_row(png_, pixels.data + pixels.step * static_cast<std::size_t>(row));
        }
        png_write_end(png_, nullptr);
    }

    std::vector<std::uint8_t> file;

  private:
    [[noreturn]] void fail() const {
        if (thrown_ != nullptr) std::rethrow_exception(thrown_);
        throw edgemesh::Failure("EncodingFailed", message_);
    }
    static void on_error(png_structp png, png_const_charp message) {
        auto *const writer = static_cast<PngWriter *>(png_get_error_ptr(png));
        std::snprintf(writer->message_, sizeof writer->message_, "%s", message);
        std::longjmp(writer->jump_, 1);
    }
    static void ignore(png_structp, png_const_charp) {}
    // No exception may cross libpng's frames.
    static void put(png_structp png, png_bytep data, std::size_t size) {
        auto *const writer = static_cast<PngWriter *>(png_get_io_ptr(png));
        if (!writer->append(data, size)) png_error(png, "there is not enough memory");
    }
    bool append(const std::uint8_t *data, std::size_t size) noexcept {
        try {
            file.insert(file.end(), data, data + size);
            return true;
        } catch (...) {
            thrown_ = std::current_exception();
            return false;
        }
    }

    const edgemesh::Call &call_;
    png_structp png_ = nullptr;
    png_infop info_ = nullptr;
    std::exception_ptr thrown_;
    char message_[128] = "";
    std::jmp_buf jump_{};
};

} // namespace

std::vector<std::uint8_t> write_png(const edgemesh::Call &call, const cv::Mat &pixels,
                                    int compression) {
    PngWriter writer(call);
    writer.write(pixels, compression);
    return std::move(writer.file);
}

} // namespace image
