#include <zlib.h>

#include "cardea/cms/ca/request.h"

namespace cardea::cms::ca {

namespace {

constexpr int kGzip = MAX_WBITS + 16;  // zlib: write and expect the gzip wrapper
constexpr std::size_t kMaxPlain = 65536;

}  // namespace

Result<Bytes> gzip(BytesView plain) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return fail(Errc::exhausted, "cannot compress the certificate");
  }
  Bytes out(deflateBound(&stream, static_cast<uLong>(plain.size())));
  stream.next_in = const_cast<Bytef*>(plain.data());  // NOLINT(*-const-cast): zlib only reads it
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int rc = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (rc != Z_STREAM_END) return fail(Errc::exhausted, "cannot compress the certificate");
  return out;
}

Result<Bytes> gunzip(BytesView packed) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzip) != Z_OK) return fail(Errc::exhausted, "cannot decompress the certificate");
  Bytes out(kMaxPlain);
  stream.next_in = const_cast<Bytef*>(packed.data());  // NOLINT(*-const-cast): zlib only reads it
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int rc = inflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  if (rc == Z_BUF_ERROR && stream.avail_out == 0)
    return fail(Errc::exhausted, "the certificate is larger than 64 KiB");
  if (rc != Z_STREAM_END) return fail(Errc::corrupt, "the compressed certificate is damaged");
  return out;
}

}  // namespace cardea::cms::ca
