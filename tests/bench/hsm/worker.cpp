// What the worker's loop itself costs: decode, check, unwrap, sign, verify, destroy, encode, in one process
// without the socket. Rates are of processor time, as those of `openssl speed` are.

#include <ctime>

#include "bench_token.h"
#include "cardea/signer/worker.h"

namespace {

using cardea::BytesView;
using cardea::bench::Arguments;
using cardea::bench::must;
using cardea::signer::Session;
using cardea::signer::Worker;
namespace wire = cardea::vault::wire;

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

int run(const Arguments& arguments) {
  const cardea::bench::Token token{arguments.vault == "software"};
  token.open(1).reset();  // makes the tenant's keys
  const auto& hsm = token.hsm();
  if (!hsm.config_file.empty())
    ::setenv("SOFTHSM2_CONF", hsm.config_file.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread
  const auto module = must(cardea::signer::Module::load(hsm.module));
  auto session = must(Session::open(module, must(module.find_token(hsm.token_label)), true));
  must(session.login(CKU_USER, "user", hsm.user_pin.expose()));
  Worker worker{session};

  wire::Request request;
  request.op = wire::Op::generate;
  request.tenant = "bench";
  request.card = "0f7a3bb4-8fb2-4f0e-9a55-6f4f2a4d6c11";
  request.slot = {0x9A, 1};
  request.algorithm = arguments.kind();
  request.kek_version = 1;
  auto made = worker.answer(request);
  if (made.error) throw std::runtime_error{made.error->what};
  request.op = cardea::card::is_rsa(request.algorithm) ? wire::Op::rsa_private : wire::Op::ecdsa_sign;
  request.public_key = made.public_key;
  request.sealed = made.sealed;
  request.keep = arguments.keys == "session";
  const cardea::Bytes input(cardea::card::field_size(request.algorithm), 0x5A);
  request.fields.emplace_back(BytesView{input});
  const auto message = must(wire::encode(request));

  std::uint64_t operations = 0;
  const auto began = processor_seconds();
  while (processor_seconds() < began + arguments.seconds) {
    const auto reply = worker.answer(must(wire::decode_request(message)));
    if (reply.error) throw std::runtime_error{reply.error->what};
    if (must(wire::encode(reply)).empty()) return 1;
    ++operations;
  }
  arguments.print(operations, processor_seconds() - began);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"The signer's loop in one process: operations per second of processor time"};
  Arguments arguments;
  arguments.add_to(app);
  arguments.add_vault_to(app);
  CLI11_PARSE(app, argc, argv);
  try {
    return run(arguments);
  } catch (const std::exception& e) {
    std::cerr << "bench_worker: " << e.what() << '\n';
    return 1;
  }
}
