/* Functions that the header lacks, and those that the import library for x86 lacks: the latter are looked up
   by their names. */
#ifndef EXPORTS_LATE_H
#define EXPORTS_LATE_H

#include "check.h"

/* Asked for by the device manager; a function's number, a set of devices, a device. */
DWORD WINAPI ClassInstall32(UINT function, void* devices, void* device);
HANDLE WINAPI SCardAccessNewReaderEvent(void);
void WINAPI SCardReleaseNewReaderEvent(void);
void WINAPI SCardReleaseAllEvents(void);

extern LONG(WINAPI* SCardAudit)(SCARDCONTEXT, DWORD);
extern LONG(WINAPI* SCardGetDeviceTypeIdA)(SCARDCONTEXT, LPCSTR, LPDWORD);
extern LONG(WINAPI* SCardGetDeviceTypeIdW)(SCARDCONTEXT, LPCWSTR, LPDWORD);
extern LONG(WINAPI* SCardGetReaderDeviceInstanceIdA)(SCARDCONTEXT, LPCSTR, LPSTR, LPDWORD);
extern LONG(WINAPI* SCardGetReaderDeviceInstanceIdW)(SCARDCONTEXT, LPCWSTR, LPWSTR, LPDWORD);
extern LONG(WINAPI* SCardGetReaderIconA)(SCARDCONTEXT, LPCSTR, LPBYTE, LPDWORD);
extern LONG(WINAPI* SCardGetReaderIconW)(SCARDCONTEXT, LPCWSTR, LPBYTE, LPDWORD);
extern LONG(WINAPI* SCardListReadersWithDeviceInstanceIdA)(SCARDCONTEXT, LPCSTR, LPSTR, LPDWORD);
extern LONG(WINAPI* SCardListReadersWithDeviceInstanceIdW)(SCARDCONTEXT, LPCWSTR, LPWSTR, LPDWORD);

/* Before anything of them is called. Ends this program when one is missing. */
void load_late(void);

#endif
