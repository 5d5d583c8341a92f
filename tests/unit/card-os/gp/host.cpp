#include "host.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace cardea::test {

namespace {

using card::gp::Protocol;

void need(bool done) {
  if (!done) throw std::runtime_error{"OpenSSL failed"};
}

Bytes aes_cmac(BytesView key, BytesView message) {
  const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac{EVP_MAC_fetch(nullptr, "CMAC", nullptr),
                                                              EVP_MAC_free};
  const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> ctx{EVP_MAC_CTX_new(mac.get()),
                                                                      EVP_MAC_CTX_free};
  std::string cipher = "AES-" + std::to_string(8 * key.size()) + "-CBC";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher.data(), 0),
                               OSSL_PARAM_construct_end()};
  Bytes out(16);
  std::size_t written = 0;
  need(EVP_MAC_init(ctx.get(), key.data(), key.size(), params) == 1 &&
       EVP_MAC_update(ctx.get(), message.data(), message.size()) == 1 &&
       EVP_MAC_final(ctx.get(), out.data(), &written, out.size()) == 1);
  return out;
}

Bytes run(const EVP_CIPHER* cipher, BytesView key, BytesView iv, BytesView data, int forwards) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> ctx{EVP_CIPHER_CTX_new(),
                                                                            EVP_CIPHER_CTX_free};
  Bytes out(data.size() + 16);
  int n = 0;
  need(EVP_CipherInit_ex(ctx.get(), cipher, nullptr, key.data(), iv.data(), forwards) == 1 &&
       EVP_CIPHER_CTX_set_padding(ctx.get(), 0) == 1 &&
       EVP_CipherUpdate(ctx.get(), out.data(), &n, data.data(), static_cast<int>(data.size())) == 1);
  out.resize(static_cast<std::size_t>(n));
  return out;
}

Bytes aes_cbc(BytesView key, BytesView iv, BytesView data, int forwards) {
  const auto* cipher = key.size() == 16   ? EVP_aes_128_cbc()
                       : key.size() == 24 ? EVP_aes_192_cbc()
                                          : EVP_aes_256_cbc();
  return run(cipher, key, iv, data, forwards);
}

/// `key`: sixteen octets, or eight for single DES.
Bytes des_cbc(BytesView key, BytesView iv, BytesView data) {
  return run(EVP_des_ede3_cbc(), concat({key.first(8), key.last(8), key.first(8)}), iv, data, 1);
}

Bytes pad(BytesView data, std::size_t block) {
  Bytes out = to_bytes(data);
  out.push_back(0x80);
  while (out.size() % block != 0)
    out.push_back(0x00);
  return out;
}

Bytes first(BytesView data, std::size_t n) {
  return to_bytes(data.first(n));
}

Bytes kdf03(BytesView key, std::uint8_t constant, unsigned bits, BytesView context) {
  Bytes out;
  for (std::uint8_t i = 1; 8 * out.size() < bits; ++i) {
    Bytes input(11);
    input.insert(input.end(), {constant, 0x00, static_cast<std::uint8_t>(bits / 256),
                               static_cast<std::uint8_t>(bits % 256), i});
    append(input, context);
    append(out, aes_cmac(key, input));
  }
  out.resize(bits / 8);
  return out;
}

Bytes kdf02(BytesView key, std::uint8_t constant, BytesView sequence) {
  Bytes input{0x01, constant};
  append(input, sequence);
  input.resize(16);
  return des_cbc(key, Bytes(8), input);
}

Bytes last_of(Bytes chained) {
  return {chained.end() - 8, chained.end()};
}

/// Header and Lc of a command that gets eight octets more.
Bytes header(const apdu::Command& command) {
  Bytes out{command.cla, command.ins, command.p1, command.p2};
  if (command.extended) {
    out.push_back(0);
    append_be16(out, static_cast<std::uint16_t>(command.data.size() + 8));
  } else {
    out.push_back(static_cast<std::uint8_t>(command.data.size() + 8));
  }
  return out;
}

}  // namespace

ChannelHost::ChannelHost(ChannelBench& card, std::uint8_t version)
    : card_{card}, keys_{card.keys.sets.at(version)} {
  const auto size = keys_.protocol == Protocol::scp02 ? 16 : card::key_size(keys_.mac.algorithm);
  for (std::size_t i = 0; i < size; ++i)
    static_key_.push_back(static_cast<std::uint8_t>(0x40 + i));
}

bool ChannelHost::initialize() {
  apdu::Command command{0x80, 0x50, keys_.version, 0x00, Bytes(8), 256, false};
  card_.rng.fill(command.data);
  const auto answer = card_.send(command);
  if (answer.sw != apdu::sw::kOk) return false;
  level_ = 0x01;
  counter_ = 0;
  return keys_.protocol == Protocol::scp02 ? initialize02(answer.data, command.data)
                                           : initialize03(answer.data, command.data);
}

bool ChannelHost::initialize02(BytesView answer, BytesView challenge) {
  if (answer.size() != 28 || answer[10] != keys_.version || answer[11] != 0x02) return false;
  const auto sequence = answer.subspan(12, 2);
  const auto card = answer.subspan(14, 6);
  enc_ = kdf02(static_key_, 0x82, sequence);
  mac_ = kdf02(static_key_, 0x01, sequence);
  dek_ = kdf02(static_key_, 0x81, sequence);
  chaining_.clear();
  const auto over = [&](std::initializer_list<BytesView> parts) {
    return last_of(des_cbc(enc_, Bytes(8), pad(concat(parts), 8)));
  };
  cryptogram_ = over({sequence, card, challenge});
  return equal(answer.last(8), over({challenge, sequence, card}));
}

bool ChannelHost::initialize03(BytesView answer, BytesView challenge) {
  const std::size_t size = (keys_.options & 0x10U) != 0 ? 32 : 29;
  if (answer.size() != size || answer[10] != keys_.version || answer[11] != 0x03) return false;
  if (answer[12] != keys_.options) return false;
  const auto context = concat({challenge, answer.subspan(13, 8)});
  const auto bits = static_cast<unsigned>(8 * static_key_.size());
  enc_ = kdf03(static_key_, 0x04, bits, context);
  mac_ = kdf03(static_key_, 0x06, bits, context);
  rmac_ = kdf03(static_key_, 0x07, bits, context);
  chaining_ = Bytes(16);
  cryptogram_ = kdf03(mac_, 0x01, 64, context);
  return equal(answer.subspan(21, 8), kdf03(mac_, 0x00, 64, context));
}

apdu::Command ChannelHost::authentication(std::uint8_t level, bool flip) {
  apdu::Command command{0x80, 0x82, level, 0x00, cryptogram_, std::nullopt, false};
  if (flip) command.data[0] ^= 1U;
  const auto wrapped = wrap(command);
  level_ = level;
  return wrapped;
}

bool ChannelHost::open(std::uint8_t level) {
  return initialize() && card_.send(authentication(level)).sw == apdu::sw::kOk;
}

apdu::Command ChannelHost::wrap(const apdu::Command& command) {
  if (level_ == 0) return command;
  return keys_.protocol == Protocol::scp02 ? wrap02(command) : wrap03(command);
}

apdu::Command ChannelHost::wrap02(apdu::Command command) {
  command.cla |= 0x04U;
  const BytesView left = BytesView{mac_}.first(8);
  const auto icv = chaining_.empty() ? Bytes(8) : des_cbc(left, Bytes(8), chaining_);
  const auto message = pad(concat({header(command), command.data}), 8);
  const BytesView view{message};
  auto iv = icv;
  if (message.size() > 8) iv = last_of(des_cbc(left, icv, view.first(message.size() - 8)));
  chaining_ = des_cbc(mac_, iv, view.last(8));
  if ((level_ & 0x02U) != 0 && !command.data.empty())
    command.data = des_cbc(enc_, Bytes(8), pad(command.data, 8));
  append(command.data, chaining_);
  return command;
}

apdu::Command ChannelHost::wrap03(apdu::Command command) {
  command.cla |= 0x04U;
  if ((level_ & 0x02U) != 0) {
    ++counter_;
    Bytes block(8);
    append_be64(block, counter_);
    if (!command.data.empty()) {
      const auto iv = aes_cbc(enc_, Bytes(16), block, 1);
      command.data = aes_cbc(enc_, iv, pad(command.data, 16), 1);
    }
  }
  chaining_ = aes_cmac(mac_, concat({chaining_, header(command), command.data}));
  append(command.data, first(chaining_, 8));
  return command;
}

std::optional<apdu::Response> ChannelHost::unwrap(const apdu::Response& response) {
  const bool maced = response.sw == apdu::sw::kOk || response.sw.sw1() == 0x62 || response.sw.sw1() == 0x63;
  if ((level_ & 0x10U) == 0 || !maced) return response;
  if (response.data.size() < 8) return std::nullopt;
  const auto body = BytesView{response.data}.first(response.data.size() - 8);
  const Bytes word{response.sw.sw1(), response.sw.sw2()};
  const auto mac = first(aes_cmac(rmac_, concat({chaining_, body, word})), 8);
  if (!equal(mac, BytesView{response.data}.last(8))) return std::nullopt;
  if ((level_ & 0x20U) == 0 || body.empty()) return apdu::Response{to_bytes(body), response.sw};
  Bytes block{0x80, 0, 0, 0, 0, 0, 0, 0};
  append_be64(block, counter_);
  auto data = aes_cbc(enc_, aes_cbc(enc_, Bytes(16), block, 1), body, 0);
  while (!data.empty() && data.back() == 0)
    data.pop_back();
  if (data.empty() || data.back() != 0x80) return std::nullopt;
  data.pop_back();
  return apdu::Response{data, response.sw};
}

Bytes ChannelHost::encrypt_sensitive(BytesView blocks) const {
  Bytes out;
  for (std::size_t at = 0; at < blocks.size(); at += 8)
    append(out, des_cbc(dek_, Bytes(8), blocks.subspan(at, 8)));
  return out;
}

}  // namespace cardea::test
