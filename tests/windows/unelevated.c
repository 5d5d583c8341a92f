#include "unelevated.h"

#include <stdio.h>
#include <string.h>
#include <windows.h>

int run_unelevated(void) {
  static const char word[] = " unelevated ";
  char self[MAX_PATH], command[4096];
  HANDLE own = NULL;
  TOKEN_LINKED_TOKEN linked = {0};
  STARTUPINFOA start = {.cb = sizeof start};
  PROCESS_INFORMATION process;
  DWORD size = 0, status = 1;
  const char* rest = strstr(GetCommandLineA(), word);
  GetModuleFileNameA(NULL, self, sizeof self);
  if (rest == NULL || !OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &own) ||
      !GetTokenInformation(own, TokenLinkedToken, &linked, sizeof linked, &size) ||
      !DuplicateTokenEx(linked.LinkedToken, TOKEN_ALL_ACCESS, NULL, SecurityImpersonation, TokenPrimary,
                        &own)) {
    fprintf(stderr, "unelevated: no token without rights: %lu\n", GetLastError());
    return 1;
  }
  snprintf(command, sizeof command, "\"%s\" %s", self, rest + sizeof word - 1);
  if (!CreateProcessAsUserA(own, self, command, NULL, NULL, TRUE, 0, NULL, NULL, &start, &process)) {
    fprintf(stderr, "unelevated: not started anew: %lu\n", GetLastError());
    return 1;
  }
  WaitForSingleObject(process.hProcess, INFINITE);
  GetExitCodeProcess(process.hProcess, &status);
  return (int)status;
}
