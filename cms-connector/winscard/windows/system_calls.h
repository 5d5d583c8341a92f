#pragma once

#include <span>
#include <string>
#include <vector>

#include "cardea/winscard/status_change.h"
#include "winscard_api.h"

// What the desk asks of the system's winscard.dll, in its W forms. Every function answers kNoService where
// there is none.
namespace cardea::winscard::system {

using pcsc_link::Code;

Code establish(DWORD scope, SCARDCONTEXT& context);
void release(SCARDCONTEXT context);
void cancel(SCARDCONTEXT context);
/// Codes: kNoReadersAvailable too.
Code list_readers(SCARDCONTEXT context, const std::vector<std::string>& groups,
                  std::vector<std::string>& names);
/// Context 0: of no context in particular.
Code list_groups(SCARDCONTEXT context, std::vector<std::string>& names);
Code connect(SCARDCONTEXT context, const std::string& reader, DWORD share, DWORD protocols, SCARDHANDLE& card,
             DWORD& active);
Code disconnect(SCARDHANDLE card, DWORD disposition);
Code status_change(SCARDCONTEXT context, DWORD timeout, std::span<Watched> watched);

}  // namespace cardea::winscard::system
