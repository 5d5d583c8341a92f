#pragma once

#include <optional>

#include "cardea/http/interface.h"
#include "cardea/http/message.h"
#include "json.h"

namespace cardea::http {

/// A use case as a route has it: the document of its success.
using Act = Result<Json> (*)(const Application&, const Request&);

/// The problem of a card that was put back to factory values after it was issued; nothing for other errors.
std::optional<Response> problem_of_put_back(const Error& error);

/// Makes handlers of acts: the status of success and the document, or the problem.
class Answering {
 public:
  explicit Answering(const Application& application) : application_{application} {}

  Handler operator()(int success, Act act) const;

 private:
  Application application_;
};

}  // namespace cardea::http
