// Reads a JPEG file from memory by libjpeg-turbo, whose errors are longjmps: see png_reader.hpp.
// libjpeg goes on after most faults and fills up with gray; here they are errors.
#pragma once

#include <csetjmp>
#include <cstdio> // jpeglib.h needs it
#include <vector>

#include <jpeglib.h>

#include "codec.hpp"

namespace image {

class JpegReader {
  public:
    // gray: decode the luminance only, whatever there is.
    JpegReader(const edgemesh::Call &call, const edgemesh::Tensor &file, bool gray);
    ~JpegReader();
    JpegReader(const JpegReader &) = delete;
    JpegReader &operator=(const JpegReader &) = delete;

    // One channel, or red, green, blue.
    Frame read_header();
    // pixels: of the frame's size and type.
    void read_pixels(const cv::Mat &pixels);

  private:
    [[noreturn]] void fail() const;
    static JpegReader &self(j_common_ptr jpeg) {
        return *static_cast<JpegReader *>(jpeg->client_data);
    }
    static void on_error(j_common_ptr jpeg);
    static void on_message(j_common_ptr jpeg, int level);
    static void on_progress(j_common_ptr jpeg);
    static void ignore(j_common_ptr) {}

    const edgemesh::Call &call_;
    const edgemesh::Tensor &file_;
    bool gray_;
    jpeg_error_mgr errors_{};
    jpeg_progress_mgr progress_{};
    jpeg_decompress_struct jpeg_{};
    std::vector<JSAMPLE> row_; // of a CMYK image
    char message_[JMSG_LENGTH_MAX] = "";
    bool cancelled_ = false;
    std::jmp_buf jump_{};
};

} // namespace image
