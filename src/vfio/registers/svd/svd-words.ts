import type { Access, Protection, ReadEffect, WriteEffect } from '../register-map.js';

/** The words of CMSIS-SVD's schema, and what they are here. */

export const accessWords: Readonly<Record<string, Access>> = {
  'read-only': 'ro',
  'write-only': 'wo',
  'read-write': 'rw',
  writeOnce: 'wo-once',
  'read-writeOnce': 'rw-once',
};

export const writeActions: Readonly<Record<string, WriteEffect>> = {
  oneToClear: 'w1c',
  oneToSet: 'w1s',
  oneToToggle: 'w1t',
  zeroToClear: 'w0c',
  zeroToSet: 'w0s',
  zeroToToggle: 'w0t',
  clear: 'clear',
  set: 'set',
  modify: 'modify',
};

export const readActions: Readonly<Record<string, ReadEffect>> = {
  clear: 'clear',
  set: 'set',
  modify: 'modify',
  modifyExternal: 'external',
};

export const protections: Readonly<Record<string, Protection>> = { s: 'secure', n: 'non-secure', p: 'privileged' };

export const usages: Readonly<Record<string, 'read' | 'write' | 'both'>> = {
  read: 'read',
  write: 'write',
  'read-write': 'both',
};

export const blockUsages: Readonly<Record<string, 'registers' | 'buffer' | 'reserved'>> = {
  registers: 'registers',
  buffer: 'buffer',
  reserved: 'reserved',
};
