#include "act.h"

#include "cardea/http/problem.h"
#include "cardea/service/factory_values.h"

namespace cardea::http {

std::optional<Response> problem_of_put_back(const Error& error) {
  if (!service::put_back(error)) return std::nullopt;
  return problem(409, "card-incomplete", error.what);
}

Handler Answering::operator()(int success, Act act) const {
  return [application = application_, success, act](Request& request) {
    const auto result = act(application, request);
    if (result) return json_response(success, *result);
    const auto put_back = problem_of_put_back(result.error());
    return put_back ? *put_back : problem(result.error());
  };
}

}  // namespace cardea::http
