/* Octets and BER-TLV. */
#include "cms.h"

#include <string.h>

void add(Buffer* buffer, const void* octets, DWORD size) {
  if (size > sizeof buffer->octets - buffer->size)
    fail("more than %u octets", (unsigned)sizeof buffer->octets);
  if (size > 0) memcpy(buffer->octets + buffer->size, octets, size);
  buffer->size += size;
}

void add_octet(Buffer* buffer, unsigned octet) {
  const BYTE one = (BYTE)octet;
  add(buffer, &one, 1);
}

void add_tlv(Buffer* buffer, unsigned tag, const void* value, DWORD size) {
  if (tag > 0xFF) add_octet(buffer, tag >> 8U);
  add_octet(buffer, tag);
  if (size > 0xFF) {
    add_octet(buffer, 0x82);
    add_octet(buffer, size >> 8U);
  } else if (size > 0x7F) {
    add_octet(buffer, 0x81);
  }
  add_octet(buffer, size);
  add(buffer, value, size);
}

const BYTE* find_tlv(const BYTE* octets, DWORD size, unsigned tag, DWORD* length) {
  DWORD at = 0;
  while (at + 2 <= size) {
    unsigned found = octets[at++];
    DWORD octets_of_length = 0, value = 0;
    if ((found & 0x1FU) == 0x1F) found = found << 8U | octets[at++];
    if (at == size) return NULL;
    value = octets[at++];
    if (value > 0x80) {
      octets_of_length = value & 0x7FU;
      for (value = 0; octets_of_length > 0 && at < size; octets_of_length--)
        value = value << 8U | octets[at++];
    }
    if (value > size - at) return NULL;
    if (found == tag) {
      *length = value;
      return octets + at;
    }
    at += value;
  }
  return NULL;
}

int contains(const Buffer* buffer, const BYTE* octets, DWORD size) {
  for (DWORD at = 0; at + size <= buffer->size; at++) {
    if (memcmp(buffer->octets + at, octets, size) == 0) return TRUE;
  }
  return FALSE;
}
