// What SoftHSM itself can do: unwrap, sign, destroy, in bare loops without server, sockets or checks. The
// yardstick of bench_vault.

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>

#include "bench_token.h"
#include "cardea/signer/tenant_keys.h"

namespace {

using cardea::Bytes;
using cardea::BytesView;
using cardea::bench::Arguments;
using cardea::bench::must;
using cardea::signer::attribute;
using cardea::signer::kNo;
using cardea::signer::kYes;
using cardea::signer::Session;
using Clock = std::chrono::steady_clock;

struct Report {
  std::uint64_t operations = 0;
  double seconds = 0;
};

void expect(CK_RV code, const char* function) {
  if (code != CKR_OK) throw std::runtime_error{cardea::signer::pkcs11_error(function, code).what};
}

Bytes wrapped_key(const Session& session, CK_OBJECT_HANDLE kek, bool rsa) {
  const CK_ULONG bits = 2048;
  const Bytes p256{0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
  const Bytes f4{0x01, 0x00, 0x01};
  std::array rsa_public{attribute(CKA_TOKEN, kNo), attribute(CKA_MODULUS_BITS, bits),
                        attribute(CKA_PUBLIC_EXPONENT, BytesView{f4})};
  std::array ec_public{attribute(CKA_TOKEN, kNo), attribute(CKA_EC_PARAMS, BytesView{p256})};
  std::array secret{attribute(CKA_TOKEN, kNo), attribute(CKA_SENSITIVE, kYes),
                    attribute(CKA_EXTRACTABLE, kYes), attribute(CKA_SIGN, kYes)};
  CK_MECHANISM generation{rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  CK_OBJECT_HANDLE pub = 0;
  CK_OBJECT_HANDLE key = 0;
  expect(session.module()->C_GenerateKeyPair(
             session.handle(), &generation, rsa ? rsa_public.data() : ec_public.data(),
             rsa ? rsa_public.size() : ec_public.size(), secret.data(), secret.size(), &pub, &key),
         "C_GenerateKeyPair");
  CK_MECHANISM wrapping{CKM_AES_KEY_WRAP_PAD, nullptr, 0};
  Bytes out(4096);
  CK_ULONG size = out.size();
  expect(session.module()->C_WrapKey(session.handle(), &wrapping, kek, key, out.data(), &size), "C_WrapKey");
  out.resize(size);
  session.module()->C_DestroyObject(session.handle(), key);
  session.module()->C_DestroyObject(session.handle(), pub);
  return out;
}

Report loop(const Arguments& arguments, const cardea::vault::SoftHsm& hsm, int ready, int go) {
  ::setenv("SOFTHSM2_CONF", hsm.config_file.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread
  const auto module = must(cardea::signer::Module::load(hsm.module));
  auto session = must(Session::open(module, must(module.find_token(hsm.token_label)), false));
  must(session.login(CKU_USER, "user", hsm.user_pin.expose()));
  const auto kek =
      must(cardea::signer::find_tenant_keys(session, "bench", cardea::signer::kFirstVersion)).kek;
  const bool rsa = cardea::card::is_rsa(arguments.kind());
  auto wrapped = wrapped_key(session, kek, rsa);

  const CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
  const CK_KEY_TYPE type = rsa ? CKK_RSA : CKK_EC;
  std::array attributes{
      attribute(CKA_CLASS, private_key), attribute(CKA_KEY_TYPE, type),
      attribute(CKA_TOKEN, kNo),         attribute(CKA_PRIVATE, kYes),
      attribute(CKA_SENSITIVE, kYes),    attribute(CKA_EXTRACTABLE, kNo),
      attribute(CKA_SIGN, kYes),         attribute(CKA_WRAP_WITH_TRUSTED, kYes),
  };
  CK_MECHANISM wrapping{CKM_AES_KEY_WRAP_PAD, nullptr, 0};
  CK_MECHANISM signing{rsa ? CKM_RSA_X_509 : CKM_ECDSA, nullptr, 0};
  Bytes input(cardea::card::field_size(arguments.kind()), 0x5A);
  Bytes output(512);

  char signal = 0;
  if (::write(ready, &signal, 1) != 1 || ::read(go, &signal, 1) != 1) return {};
  const auto began = Clock::now();
  const auto end =
      began + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>{arguments.seconds});
  Report report;
  while (Clock::now() < end) {
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG size = output.size();
    expect(module->C_UnwrapKey(session.handle(), &wrapping, kek, wrapped.data(), wrapped.size(),
                               attributes.data(), attributes.size(), &key),
           "C_UnwrapKey");
    expect(module->C_SignInit(session.handle(), &signing, key), "C_SignInit");
    expect(module->C_Sign(session.handle(), input.data(), input.size(), output.data(), &size), "C_Sign");
    expect(module->C_DestroyObject(session.handle(), key), "C_DestroyObject");
    ++report.operations;
  }
  report.seconds = std::chrono::duration<double>(Clock::now() - began).count();
  return report;
}

// The child's whole life. _exit: what the parent has set up is the parent's to clean.
[[noreturn]] void child(const Arguments& arguments, const cardea::vault::SoftHsm& hsm, int ready, int go,
                        int result) {
  try {
    const auto report = loop(arguments, hsm, ready, go);
    if (::write(result, &report, sizeof report) != sizeof report) ::_exit(1);
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    const char failed = 1;
    ::_exit(::write(ready, &failed, 1) == 1 ? 1 : 2);
  }
  ::_exit(0);
}

int run(const Arguments& arguments) {
  const cardea::bench::Token token;
  token.open(1).reset();  // makes the tenant's keys
  std::array<int, 2> ready{};
  std::array<int, 2> go{};
  std::array<int, 2> result{};
  if (::pipe(ready.data()) != 0 || ::pipe(go.data()) != 0 || ::pipe(result.data()) != 0) return 1;
  // One at a time: SoftHSM processes that start together disturb each other (cardea/signer/gate.h).
  char signal = 0;
  for (unsigned i = 0; i < arguments.processes; ++i) {
    if (::fork() == 0) {
      ::close(go[1]);
      child(arguments, token.hsm(), ready[1], go[0], result[1]);
    }
    if (::read(ready[0], &signal, 1) != 1 || signal != 0) return 1;
  }
  ::close(ready[1]);
  ::close(result[1]);
  for (unsigned i = 0; i < arguments.processes; ++i) {
    if (::write(go[1], &signal, 1) != 1) return 1;
  }
  Report sum;
  Report one;
  while (::read(result[0], &one, sizeof one) == sizeof one) {
    sum.operations += one.operations;
    sum.seconds = std::max(sum.seconds, one.seconds);
  }
  int failures = 0;
  int status = 0;
  while (::wait(&status) > 0)
    failures += status != 0 ? 1 : 0;
  if (failures != 0) return 1;
  arguments.print(sum.operations, sum.seconds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Bare SoftHSM: unwrap, sign, destroy"};
  Arguments arguments;
  arguments.add_to(app);
  CLI11_PARSE(app, argc, argv);
  try {
    return run(arguments);
  } catch (const std::exception& e) {
    std::cerr << "bench_hsm_loop: " << e.what() << '\n';
    return 1;
  }
}
