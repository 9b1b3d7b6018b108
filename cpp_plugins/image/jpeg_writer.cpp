#include "jpeg_writer.hpp"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <jpeglib.h>

namespace image {
namespace {

// As the reader: nothing with a destructor lies between setjmp and libjpeg.
class JpegWriter {
  public:
    explicit JpegWriter(const edgemesh::Call &call) : call_(call) {
        jpeg_.err = jpeg_std_error(&errors_);
        errors_.error_exit = on_error;
        errors_.emit_message = [](j_common_ptr, int) {};
        errors_.output_message = [](j_common_ptr) {};
        jpeg_.client_data = this;
        if (setjmp(jump_) != 0) {
            jpeg_destroy_compress(&jpeg_);
            fail();
        }
        jpeg_create_compress(&jpeg_);
    }
    ~JpegWriter() {
        jpeg_destroy_compress(&jpeg_);
        std::free(data_);
    }
    JpegWriter(const JpegWriter &) = delete;
    JpegWriter &operator=(const JpegWriter &) = delete;

    std::vector<std::uint8_t> write(const cv::Mat &pixels, int quality) {
        compress(pixels, quality);
        return {data_, data_ + size_};
    }

  private:
    void compress(const cv::Mat &pixels, int quality) {
        if (setjmp(jump_) != 0) fail();
        jpeg_mem_dest(&jpeg_, &data_, &size_);
        jpeg_.image_width = static_cast<JDIMENSION>(pixels.cols);
        jpeg_.image_height = static_cast<JDIMENSION>(pixels.rows);
        jpeg_.input_components = pixels.channels();
        jpeg_.in_color_space = pixels.channels() == 1 ? JCS_GRAYSCALE : JCS_RGB;
        jpeg_set_defaults(&jpeg_);
        jpeg_set_quality(&jpeg_, quality, TRUE);
        jpeg_start_compress(&jpeg_, TRUE);
        while (jpeg_.next_scanline < jpeg_.image_height) {
            if (call_.cancelled()) throw edgemesh::Cancelled();
            JSAMPROW row = pixels.data + pixels.step * jpeg_.next_scanline;
            jpeg_write_scanlines(&jpeg_, &row, 1);
        }
        jpeg_finish_compress(&jpeg_);
    }
    [[noreturn]] void fail() const { throw edgemesh::Failure("EncodingFailed", message_); }
    static void on_error(j_common_ptr jpeg) {
        auto *const writer = static_cast<JpegWriter *>(jpeg->client_data);
        jpeg->err->format_message(jpeg, writer->message_);
        std::longjmp(writer->jump_, 1);
    }

    const edgemesh::Call &call_;
    jpeg_error_mgr errors_{};
    jpeg_compress_struct jpeg_{};
    unsigned char *data_ = nullptr; // of malloc's
    unsigned long size_ = 0;
    char message_[JMSG_LENGTH_MAX] = "";
    std::jmp_buf jump_{};
};

} // namespace

std::vector<std::uint8_t> write_jpeg(const edgemesh::Call &call, const cv::Mat &pixels,
                                     int quality) {
    if (pixels.cols > JPEG_MAX_DIMENSION || pixels.rows > JPEG_MAX_DIMENSION) {
        throw edgemesh::InvalidInput("inputs.image",
                                     "must be at most 65500 pixels wide and high to be a JPEG");
    }
    return JpegWriter(call).write(pixels, quality);
}

} // namespace image
