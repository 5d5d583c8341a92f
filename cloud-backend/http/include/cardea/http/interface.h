#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cardea/http/metrics.h"
#include "cardea/http/router.h"
#include "cardea/identity/authenticator.h"
#include "cardea/keyring/keyring.h"
#include "cardea/service/card_keys.h"
#include "cardea/service/card_sessions.h"
#include "cardea/service/cards.h"
#include "cardea/service/directory.h"
#include "cardea/service/integrity.h"
#include "cardea/service/issuing.h"
#include "cardea/service/key_care.h"
#include "cardea/service/recovery.h"
#include "cardea/store/database.h"
#include "cardea/unseal/keeper.h"
#include "cardea/vault/vault.h"

namespace cardea::http {

/// What the HTTP interface is an interface of. All of it outlives the routes.
struct Application {
  service::CardSessions& sessions;
  service::Cards& cards;
  service::Directory& directory;
  service::KeyCare& key_care;
  service::CardKeys& card_keys;
  identity::Authenticator& authenticator;
  store::Database& database;
  keyring::Keyring& vault;
  unseal::Keeper& keeper;
  std::function<Result<void>(const unseal::UnsealKey&)> keep_in_tpm;
  Metrics& metrics;
  service::Recovery& recovery;
  service::Integrity* integrity = nullptr;  ///< null: no log of changes
  service::Issuing* issuing = nullptr;      ///< not null where its routes are served
};

/// The published interface (cloud-backend/api/openapi.yaml) with /healthz, /readyz and /metrics.
std::vector<Route> public_routes(const Application& application);

/// /v1/admin/…: for the Unix socket only. What it answers to is in README.md beside this.
std::vector<Route> admin_routes(const Application& application);

/// The part of it that is about keys: pool, versions, modes.
std::vector<Route> key_routes(const Application& application);

/// The part about the master keys of cards' keys.
std::vector<Route> card_key_routes(const Application& application);

/// The part about shares and PINs.
std::vector<Route> unseal_routes(const Application& application);

/// What a recovery link allows, and what a logged-in holder leaves behind for it; published.
std::vector<Route> recovery_routes(const Application& application);

/// The administrator's part of it: links.
std::vector<Route> recovery_admin_routes(const Application& application);

/// What a registrar's workstation needs to issue cards; published.
std::vector<Route> issuing_routes(const Application& application);

/// The administrator's part of it.
std::vector<Route> issuing_admin_routes(const Application& application);

/// The part about the log of changes.
std::vector<Route> integrity_routes(const Application& application);

/// Several tables as one, in order.
Router make_router(std::vector<std::vector<Route>> tables);

}  // namespace cardea::http
