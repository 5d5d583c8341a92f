#include "places.h"

#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cardea/pcsc_link/system_transport.h"
#include "cardea/vpcd/endpoint.h"
#include "manager_port.h"
#include "platform/readers.h"
#include "vpcd_port.h"

namespace cardea::agent {

namespace {

/// vpcd is compiled for sixteen at most.
constexpr unsigned kMostSlots = 16;

/// Whether `readers` means this kind.
bool shown(const PlaceOptions& options, std::string_view kind) {
  return options.readers == kind || (options.readers == "both" && kind != "vpcd");
}

/// Whether this system has this kind.
bool offered(std::string_view kind) {
  const auto kinds = reader_kinds();
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

std::string readers_help() {
  std::string out = "who shows the cards to programs: ";
  if (offered("pcscd")) out += "pcscd (our driver in it), ";
  out += "connector (the WINSCARD connector, without a driver), ";
  if (offered("both")) out += "both, each with a session of its own, ";
  return out + "or vpcd (the virtual reader of vsmartcard: vpcd in pcscd, BixVReader on Windows)";
}

void add_vpcd_options(CLI::App& verb, PlaceOptions& options) {
  verb.add_option("--vpcd", options.vpcd,
                  "with --readers vpcd: HOST:PORT of its first slot; the others are at the ports after it")
      ->check([](const std::string& text) {
        const auto endpoint = vpcd::parse_endpoint(text);
        return endpoint ? std::string{} : endpoint.error().what;
      })
      ->capture_default_str();
  verb.add_option("--vpcd-slots", options.vpcd_slots,
                  "with --readers vpcd: how many slots it has, one for each card")
      ->check(CLI::Range(1U, kMostSlots))
      ->capture_default_str();
  verb.add_flag("--vpcd-allow-remote", options.vpcd_allow_remote,
                "with --readers vpcd: let it be on another machine, although PINs go there unprotected");
}

}  // namespace

PlaceOptions::PlaceOptions() : readers{reader_kinds().front()}, pcsc_socket{pcsc_link::system_address()} {}

void add_options(CLI::App& verb, PlaceOptions& options) {
  verb.add_option("--readers", options.readers, readers_help())
      ->check(CLI::IsMember(reader_kinds()))
      ->capture_default_str();
  if (offered("pcscd")) {
    verb.add_option("--ifd-socket", options.ifd_socket, "where the reader driver listens")
        ->capture_default_str();
  }
  verb.add_option(
          "--pcsc-socket", options.pcsc_socket,
          "where to listen for connectors; they look in CARDEA_PCSC_SOCKET (on Windows CARDEA_PCSC_PIPE), "
          "or at the default")
      ->capture_default_str();
  add_vpcd_options(verb, options);
}

Result<void> check(const PlaceOptions& options) {
  CARDEA_TRY(const auto first, vpcd::parse_endpoint(options.vpcd));
  if (!shown(options, "vpcd")) {
    const PlaceOptions untouched;
    if (options.vpcd != untouched.vpcd || options.vpcd_slots != untouched.vpcd_slots ||
        options.vpcd_allow_remote)
      return fail(Errc::invalid, "--vpcd, --vpcd-slots and --vpcd-allow-remote need --readers vpcd");
    return {};
  }
  if (first.port + options.vpcd_slots - 1 > 0xFFFF)
    return fail(Errc::invalid, vpcd::to_text(first) + ": there are not as many ports as --vpcd-slots says");
  if (!vpcd::on_loopback(first) && !options.vpcd_allow_remote) {
    return fail(Errc::invalid,
                vpcd::to_text(first) +
                    ": vpcd encrypts nothing, and commands carry PINs. Let it be on this machine "
                    "(127.0.0.1, ::1, localhost), or bring its port here through a tunnel "
                    "(ssh -L); --vpcd-allow-remote does without");
  }
  return {};
}

std::vector<std::string> describe(const PlaceOptions& options) {
  std::vector<std::string> out;
  if (shown(options, "pcscd")) out.push_back("reader=pcscd socket=" + options.ifd_socket);
  if (shown(options, "connector")) out.push_back("reader=connector socket=" + options.pcsc_socket);
  if (shown(options, "vpcd"))
    out.push_back("reader=vpcd at=" + options.vpcd + " slots=" + std::to_string(options.vpcd_slots));
  return out;
}

Result<Places> open_places(const PlaceOptions& options) {
  Places out;
  if (shown(options, "pcscd")) out.ports.push_back(make_driver_port(options.ifd_socket));
  if (shown(options, "vpcd")) {
    CARDEA_TRY(auto first, vpcd::parse_endpoint(options.vpcd));
    out.ports.push_back(make_vpcd_port(std::move(first), options.vpcd_slots));
  }
  if (!shown(options, "connector")) return out;
  CARDEA_TRY(auto listener, pcsc_link::listen_system(options.pcsc_socket));
  out.manager = std::make_shared<resource::Manager>();
  out.ports.push_back(make_manager_port(out.manager));
  out.server = std::make_unique<resource::Server>(*out.manager, std::move(listener),
                                                  [](const std::string& line) { spdlog::info("{}", line); });
  return out;
}

}  // namespace cardea::agent
