#include "act.h"

#include "cardea/http/problem.h"

namespace cardea::http {

Handler Answering::operator()(int success, Act act) const {
  return [application = application_, success, act](Request& request) {
    const auto result = act(application, request);
    return result ? json_response(success, *result) : problem(result.error());
  };
}

}  // namespace cardea::http
