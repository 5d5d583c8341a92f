# cmake -DOUTPUT=file.cpp -DMIGRATIONS="a.sql|b.sql" -P embed_migrations.cmake
# Writes the migrations into a C++ source, in the order given; their numbers must be 1, 2, 3 …
string(REPLACE "|" ";" files "${MIGRATIONS}")
set(body "")
set(expected 1)
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME)
  if(NOT name MATCHES "^0*([1-9][0-9]*)-[a-z0-9-]+\\.sql$" OR NOT CMAKE_MATCH_1 EQUAL expected)
    message(FATAL_ERROR "${name}: migrations are called NNNN-name.sql and numbered without gaps (expected ${expected})")
  endif()
  file(READ "${file}" sql)
  string(APPEND body "    {${expected}, \"${name}\", R\"sql(${sql})sql\"},\n")
  math(EXPR expected "${expected} + 1")
endforeach()
file(WRITE "${OUTPUT}" "// Made from store/migrations while building.
#include \"migrations.h\"

namespace cardea::store {

const std::vector<Migration>& migrations() {
  static const std::vector<Migration> all = {
${body}  };
  return all;
}

}  // namespace cardea::store
")
