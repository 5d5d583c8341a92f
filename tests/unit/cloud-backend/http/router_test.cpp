#include "cardea/http/router.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "cardea/http/metrics.h"
#include "cardea/http/problem.h"

using namespace cardea;
using namespace cardea::http;
using nlohmann::json;

namespace {

Response text(std::string_view body) {
  Response response;
  response.body = body;
  return response;
}

Router router() {
  return Router{{
      {"POST", "/things/{id}/use", [](Request& r) { return text("use " + r.parameters[0]); }, "text/x"},
      {"GET", "/things/{id}", [](Request& r) { return text("get " + r.parameters[0]); }},
      {"DELETE", "/things/{id}", [](Request&) { return text("delete"); }},
      {"GET", "/a/{b}/c/{d}", [](Request& r) { return text(r.parameters[0] + r.parameters[1]); }},
  }};
}

Response ask(std::string_view method, std::string_view path, std::string_view media_type = {}) {
  Request request;
  request.method = method;
  request.path = path;
  if (!media_type.empty()) request.headers[request.header_count++] = {"content-type", media_type};
  return router()(request);
}

}  // namespace

TEST_CASE("router: segments in braces are handed over") {
  CHECK(ask("GET", "/things/7").body == "get 7");
  CHECK(ask("GET", "/a/x/c/y").body == "xy");
  CHECK(ask("GET", "/things/St%20Mary%2FWest").body == "get St Mary/West");
  CHECK(ask("POST", "/things/7/use", "text/x").body == "use 7");
  CHECK(ask("POST", "/things/7/use", "Text/X ; charset=utf-8").body == "use 7");
}

TEST_CASE("router: what does not match is a problem of the right kind") {
  for (const auto* path :
       {"/", "/things", "/things/", "/things/7/", "/things//use", "/things/7/use/", "/a/x/c", "//"}) {
    CAPTURE(path);
    CHECK(ask("GET", path).status == 404);
  }
  const auto wrong_method = ask("PUT", "/things/7");
  CHECK(wrong_method.status == 405);
  CHECK(wrong_method.headers == std::vector<std::pair<std::string, std::string>>{{"Allow", "GET, DELETE"}});
  CHECK(ask("POST", "/things/7/use").status == 415);
  CHECK(ask("POST", "/things/7/use", "text/xx").status == 415);
}

TEST_CASE("problem: each error has its status and type [RFC9457]") {
  const auto check = [](Errc code, int status, const std::string& slug) {
    const auto response = problem(Error{code, "a sentence"});
    CHECK(response.status == status);
    CHECK(response.content_type == "application/problem+json");
    const auto document = json::parse(response.body);
    CHECK(document["type"] == "https://cardea.invalid/problems/" + slug);
    CHECK(document["status"] == status);
    CHECK(document["title"].get<std::string>().size() > 5);
    return document;
  };
  CHECK(check(Errc::not_found, 404, "not-found")["detail"] == "a sentence");
  check(Errc::conflict, 409, "conflict");
  check(Errc::denied, 403, "denied");
  check(Errc::exhausted, 507, "insufficient-storage");
  check(Errc::invalid, 400, "invalid");
  check(Errc::unsupported, 501, "unsupported");
  check(Errc::unavailable, 503, "unavailable");
  // What went wrong inside is not the other side's business.
  CHECK_FALSE(check(Errc::corrupt, 500, "internal").contains("detail"));

  const auto who = unauthorised("who are you");
  CHECK(who.status == 401);
  CHECK(who.headers.front().first == "WWW-Authenticate");
}

TEST_CASE("problem: a full disk is 507, a limit of the caller's is 429 [RFC6585#4]") {
  const Error full{Errc::exhausted, "a sentence"};
  CHECK(problem(full).status == 507);
  const auto response = limited(full);
  CHECK(response.status == 429);
  CHECK(json::parse(response.body)["type"] == "https://cardea.invalid/problems/exhausted");
  CHECK(json::parse(response.body)["detail"] == "a sentence");
  CHECK(limited(Error{Errc::denied, ""}).status == 403);
}

TEST_CASE("problem: text that is not UTF-8 does not break the document") {
  CHECK(json::parse(problem(Error{Errc::invalid, "\xff\"\n"}).body)["detail"] == "\xEF\xBF\xBD\"\n");
}

TEST_CASE("metrics: Prometheus' text format") {
  Metrics metrics;
  metrics.counter("c_total", "Counts.").add(3);
  auto& family = metrics.family("f_total", "By kind.", "command", "status");
  family.with("PIV VERIFY", "ok").add();
  family.with("PIV VERIFY", "ok").add();
  family.with("PIV SELECT", "wrong").add();
  metrics.value("g", "A gauge.", "gauge", [] { return 1.5; });
  CHECK(metrics.text() ==
        "# HELP c_total Counts.\n# TYPE c_total counter\nc_total 3\n"
        "# HELP f_total By kind.\n# TYPE f_total counter\n"
        "f_total{command=\"PIV SELECT\",status=\"wrong\"} 1\n"
        "f_total{command=\"PIV VERIFY\",status=\"ok\"} 2\n"
        "# HELP g A gauge.\n# TYPE g gauge\ng 1.5\n");
}

TEST_CASE("metrics: a histogram's buckets add up") {
  Metrics metrics;
  auto& histogram = metrics.histogram("h_seconds", "Time.");
  histogram.observe(std::chrono::microseconds{10});
  histogram.observe(std::chrono::microseconds{150});
  histogram.observe(std::chrono::seconds{60});
  const auto text = metrics.text();
  CHECK(text.find("h_seconds_bucket{le=\"1e-05\"} 1\n") != std::string::npos);
  CHECK(text.find("h_seconds_bucket{le=\"0.0002\"} 2\n") != std::string::npos);
  CHECK(text.find("h_seconds_bucket{le=\"10\"} 2\n") != std::string::npos);
  CHECK(text.find("h_seconds_bucket{le=\"+Inf\"} 3\n") != std::string::npos);
  CHECK(text.find("h_seconds_count 3\n") != std::string::npos);
  CHECK(text.find("h_seconds_sum 60.00016\n") != std::string::npos);
}
