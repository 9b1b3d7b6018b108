#include "jpeg_reader.hpp"

#include <cstring>
#include <string>

#include <jerror.h>

namespace image {
namespace {

// A file of a few kilobytes may ask for so many passes over a large image that it takes hours.
constexpr int most_scans = 200;

// Warnings that cost no pixels.
bool harmless(int code) {
    return code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR;
}

} // namespace

JpegReader::JpegReader(const edgemesh::Call &call, const edgemesh::Tensor &file, bool gray)
    : call_(call), file_(file), gray_(gray) {
    jpeg_.err = jpeg_std_error(&errors_);
    errors_.error_exit = on_error;
    errors_.emit_message = on_message;
    errors_.output_message = ignore;
    jpeg_.client_data = this;
    if (setjmp(jump_) != 0) {
        jpeg_destroy_decompress(&jpeg_);
        fail();
    }
    jpeg_create_decompress(&jpeg_);
    progress_.progress_monitor = on_progress;
    jpeg_.progress = &progress_;
    jpeg_mem_src(&jpeg_, static_cast<const unsigned char *>(file.data()),
                 static_cast<unsigned long>(file.nbytes()));
}

JpegReader::~JpegReader() { jpeg_destroy_decompress(&jpeg_); }

Frame JpegReader::read_header() {
    Frame frame{};
    if (setjmp(jump_) != 0) fail();
    jpeg_read_header(&jpeg_, TRUE);
    frame.width = jpeg_.image_width;
    frame.height = jpeg_.image_height;
    frame.depth = CV_8U;
    const bool four = jpeg_.num_components == 4;
    const bool luminance = jpeg_.num_components == 1 || (gray_ && !four);
    frame.channels = luminance ? 1 : 3;
    jpeg_.out_color_space = four ? JCS_CMYK : (luminance ? JCS_GRAYSCALE : JCS_RGB);
    // A Huffman code has a bit for each block at least, and one component has them all.
    const std::uint64_t blocks = std::uint64_t{frame.width} * frame.height / 64;
    frame.least_bytes = jpeg_.arith_code != FALSE ? 0 : blocks / 8;
    return frame;
}

void JpegReader::read_pixels(const cv::Mat &pixels) {
    row_.resize(jpeg_.out_color_space == JCS_CMYK ? std::size_t{4} * jpeg_.image_width : 0);
    if (setjmp(jump_) != 0) fail();
    jpeg_start_decompress(&jpeg_);
    while (jpeg_.output_scanline < jpeg_.output_height) {
        JSAMPROW to = pixels.data + pixels.step * jpeg_.output_scanline;
        JSAMPROW into = row_.empty() ? to : row_.data();
        jpeg_read_scanlines(&jpeg_, &into, 1);
        if (row_.empty()) continue;
        // Ink, inverted as Adobe writes it, and as cv2.imdecode has it: red = K - (255 - C) K /
        // 256.
        for (JDIMENSION x = 0; x < jpeg_.output_width; ++x) {
            const int black = into[4 * x + 3];
            for (JDIMENSION i = 0; i < 3; ++i) {
                to[3 * x + i] =
                    static_cast<JSAMPLE>(black - ((255 - into[4 * x + i]) * black >> 8));
            }
        }
    }
    jpeg_finish_decompress(&jpeg_);
}

void JpegReader::fail() const {
    if (cancelled_) throw edgemesh::Cancelled();
    throw edgemesh::InvalidInput(file_.field(),
                                 "must be a whole JPEG file: " + std::string(message_));
}

void JpegReader::on_error(j_common_ptr jpeg) {
    JpegReader &reader = self(jpeg);
    if (reader.message_[0] == '\0') jpeg->err->format_message(jpeg, reader.message_);
    std::longjmp(reader.jump_, 1);
}

void JpegReader::on_message(j_common_ptr jpeg, int level) {
    if (level < 0 && !harmless(jpeg->err->msg_code)) on_error(jpeg);
}

void JpegReader::on_progress(j_common_ptr jpeg) {
    JpegReader &reader = self(jpeg);
    reader.cancelled_ = reader.call_.cancelled();
    if (reader.jpeg_.input_scan_number > most_scans) {
        std::snprintf(reader.message_, sizeof reader.message_, "more than %d scans", most_scans);
    } else if (!reader.cancelled_) {
        return;
    }
    on_error(jpeg);
}

} // namespace image
