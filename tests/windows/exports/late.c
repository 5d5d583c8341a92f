#include "late.h"

#include <stdio.h>
#include <stdlib.h>

LONG(WINAPI* SCardAudit)(SCARDCONTEXT, DWORD);
LONG(WINAPI* SCardGetDeviceTypeIdA)(SCARDCONTEXT, LPCSTR, LPDWORD);
LONG(WINAPI* SCardGetDeviceTypeIdW)(SCARDCONTEXT, LPCWSTR, LPDWORD);
LONG(WINAPI* SCardGetReaderDeviceInstanceIdA)(SCARDCONTEXT, LPCSTR, LPSTR, LPDWORD);
LONG(WINAPI* SCardGetReaderDeviceInstanceIdW)(SCARDCONTEXT, LPCWSTR, LPWSTR, LPDWORD);
LONG(WINAPI* SCardGetReaderIconA)(SCARDCONTEXT, LPCSTR, LPBYTE, LPDWORD);
LONG(WINAPI* SCardGetReaderIconW)(SCARDCONTEXT, LPCWSTR, LPBYTE, LPDWORD);
LONG(WINAPI* SCardListReadersWithDeviceInstanceIdA)(SCARDCONTEXT, LPCSTR, LPSTR, LPDWORD);
LONG(WINAPI* SCardListReadersWithDeviceInstanceIdW)(SCARDCONTEXT, LPCWSTR, LPWSTR, LPDWORD);

static void* look_up(const char* name) {
  void* const found = (void*)GetProcAddress(GetModuleHandleA("winscard.dll"), name);
  if (found != NULL) return found;
  printf("winscard.dll has no %s\n", name);
  exit(1);
}

void load_late(void) {
  SCardAudit = look_up("SCardAudit");
  SCardGetDeviceTypeIdA = look_up("SCardGetDeviceTypeIdA");
  SCardGetDeviceTypeIdW = look_up("SCardGetDeviceTypeIdW");
  SCardGetReaderDeviceInstanceIdA = look_up("SCardGetReaderDeviceInstanceIdA");
  SCardGetReaderDeviceInstanceIdW = look_up("SCardGetReaderDeviceInstanceIdW");
  SCardGetReaderIconA = look_up("SCardGetReaderIconA");
  SCardGetReaderIconW = look_up("SCardGetReaderIconW");
  SCardListReadersWithDeviceInstanceIdA = look_up("SCardListReadersWithDeviceInstanceIdA");
  SCardListReadersWithDeviceInstanceIdW = look_up("SCardListReadersWithDeviceInstanceIdW");
}
