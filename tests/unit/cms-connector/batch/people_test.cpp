#include "cardea/cms/batch/people.h"

#include <doctest/doctest.h>

using namespace cardea::cms::batch;

namespace {

Problems problems(std::string_view text) {
  const auto people = read_people(text);
  REQUIRE_FALSE(people);
  return people.error();
}

}  // namespace

TEST_CASE("people by whole subject, with addresses and ids") {
  const auto people = read_people(
      "Subject,UPN,Email,id\n"
      "\"CN=Ada Example,O=Example Trust\",ada@corp.example,ada@example.org,7\n"
      "CN=Zo\xC3\xAB, , ,\n");
  REQUIRE(people);
  REQUIRE(people->size() == 2);
  const auto& ada = people->front();
  CHECK(ada.line == 2);
  CHECK(ada.id == "7");
  CHECK(ada.holder.subject == "CN=Ada Example,O=Example Trust");
  CHECK(ada.holder.upn == "ada@corp.example");
  CHECK(ada.holder.email == "ada@example.org");
  CHECK(display_name(ada) == "Ada Example");
  CHECK(people->back().holder.upn.empty());
}

TEST_CASE("people by the parts of their names, escaped as RFC 4514 asks") {
  const auto people = read_people("o,c,cn,ou\n\"Example, Trust\",GB,\"Example, Ada \"\"A\"\"\",\n");
  REQUIRE(people);
  CHECK(people->front().holder.subject == R"(CN=Example\, Ada \"A\",O=Example\, Trust,C=GB)");
  CHECK(display_name(people->front()) == "Example, Ada \"A\"");
}

TEST_CASE("secrets, unknown columns and double columns are refused before anything else [A2]") {
  CHECK(problems("cn,pin\nAda,123456\n") == Problems{"line 1, column 2 (pin): secrets do not belong in a "
                                                     "table; they are made up for each card, see --seal-to"});
  CHECK(problems("cn,PUK\nAda,12345678\n").front().find("secrets do not belong") != std::string::npos);
  CHECK(problems("cn,e-mail\nAda,x\n").front().find("column 2 (e-mail): there is no such column") !=
        std::string::npos);
  CHECK(problems("cn,CN\nA,B\n") == Problems{"line 1, column 2 (cn): the column is there twice"});
  CHECK(problems("upn\nada@corp.example\n").front().find("the holder's name is in the column subject") !=
        std::string::npos);
  CHECK(problems("subject,cn\nCN=A,A\n").front().find("or else in cn") != std::string::npos);
  CHECK(problems("cn;upn\nAda;ada@corp.example\n").front().find("separated by semicolons") !=
        std::string::npos);
  CHECK(problems("") == Problems{"the table is empty: its first line names the columns"});
  CHECK(problems("cn\n") == Problems{"the table names nobody"});
}

TEST_CASE("all that is wrong is found at once, with line and column [A2]") {
  const auto found = problems(
      "cn,c,upn,email,id\n"
      "Ada,GB,ada,ada@example.org,1\n"
      ",GB,b@x,b@y,2\n"
      "Cid,GBR,c@x,\"c d@y\",3\n"
      "Dan,GB,d@x\n"
      "Ada,GB,ada@x,j\xC3\xB6rg@y,1\n");
  REQUIRE(found.size() == 7);
  CHECK(found[0] == "line 2, column 3 (upn): \"ada\" is not of the form somebody@somewhere");
  CHECK(found[1] == "line 3, column 1 (cn): it is empty");
  CHECK(found[2].find("line 4, column 2 (c): ") == 0);
  CHECK(found[3] == "line 4, column 4 (email): \"c d@y\" is not of the form somebody@somewhere");
  CHECK(found[4] == "line 5: there are 3 fields where the header has 5");
  CHECK(found[5].find("line 6, column 4 (email): ") == 0);
  CHECK(found[6] == "line 6: the same id as on line 2");
}

TEST_CASE("nobody is there twice [A2]") {
  CHECK(problems("subject\nCN=Ada\nCN=Ben\nCN=Ada\n") == Problems{"line 4: the same person as on line 2"});
  CHECK(read_people("subject,email\nCN=Ada,a@x\nCN=Ada,b@x\n"));
}

TEST_CASE("a table with very many mistakes does not bury its reader [A2]") {
  std::string text = "subject\n";
  for (int i = 0; i < 100; ++i)
    text += "nobody" + std::to_string(i) + "\n";
  const auto found = problems(text);
  CHECK(found.size() == 51);
  CHECK(found.back() == "and 50 more");
}
