#include "witnesses.h"

#include <fstream>

namespace cardea::cardead {

Result<service::Witnesses> witnesses_of(const config::Settings& settings, api::HttpConnector& connector) {
  const auto& data = settings.server.data_directory;
  const auto& from = settings.witness;
  service::Witnesses out{data / "witness", data / "cosigned", nullptr, from.required, from.origin};
  if (from.url.empty()) return out;
  CARDEA_TRY(const auto url, config::parse_https_url(from.url));
  std::string line;
  std::ifstream file{from.key};
  std::getline(file, line);
  auto key = audit::parse_cosigner_key(line);
  if (!key) return fail(key.error().code, "witness.key: " + from.key.string() + ": " + key.error().what);
  service::RemoteWitness::Place place{{}, url.prefix, *std::move(key)};
  place.address.host = url.host;
  place.address.port = url.port;
  place.address.ca_file = from.ca.string();
  place.address.timeout = from.timeout;
  auto connection = connector.connect(place.address);
  out.machine = std::make_unique<service::RemoteWitness>(std::move(connection), std::move(place));
  return out;
}

void publish_witness(service::Integrity& integrity, http::Metrics& metrics) {
  using Status = service::WitnessStatus;
  const auto number = [&](const char* name, const char* help, const char* kind, auto read) {
    metrics.value(name, help, kind, [&integrity, read] {
      return static_cast<double>(read(integrity.witness_status().value_or(Status{})));
    });
  };
  number("cardea_witness_away", "1 while the witness on another machine does not cosign.", "gauge",
         [](const Status& s) { return s.away ? 1 : 0; });
  number("cardea_witness_failures_total", "How often it was asked in vain.", "counter",
         [](const Status& s) { return s.failures; });
  number("cardea_witness_cosigned_changes", "Changes in the last checkpoint that it cosigned.", "gauge",
         [](const Status& s) { return s.size; });
  number("cardea_witness_cosigned_seconds", "When that was, in seconds since 1970.", "gauge",
         [](const Status& s) { return s.time; });
}

}  // namespace cardea::cardead
