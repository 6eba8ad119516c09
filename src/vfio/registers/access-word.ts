import type { Access, ReadEffect, WriteEffect } from './register-map.js';

/** What one word of a datasheet says of a register or field. */
export interface AccessKind {
  readonly access: Access;
  readonly writeEffect: WriteEffect;
  readonly readEffect?: ReadEffect;
}

const kind = (access: Access, writeEffect: WriteEffect = 'modify', readEffect?: ReadEffect): AccessKind => ({
  access,
  writeEffect,
  ...(readEffect !== undefined && { readEffect }),
});

/**
 * The words for access, in the spelling of UVM's register layer (IEEE 1800.2, uvm_reg_field), which holds all that datasheets use: `c`
 * clears, `s` sets, `t` toggles; behind `w` by writing, `1` or `0` by writing that, behind `r` by reading.
 */
export const accessKinds: Readonly<Record<string, AccessKind>> = {
  ro: kind('ro'),
  rw: kind('rw'),
  rc: kind('ro', 'modify', 'clear'),
  rs: kind('ro', 'modify', 'set'),
  wrc: kind('rw', 'modify', 'clear'),
  wrs: kind('rw', 'modify', 'set'),
  wc: kind('rw', 'clear'),
  ws: kind('rw', 'set'),
  wsrc: kind('rw', 'set', 'clear'),
  wcrs: kind('rw', 'clear', 'set'),
  w1c: kind('rw', 'w1c'),
  w1s: kind('rw', 'w1s'),
  w1t: kind('rw', 'w1t'),
  w0c: kind('rw', 'w0c'),
  w0s: kind('rw', 'w0s'),
  w0t: kind('rw', 'w0t'),
  w1src: kind('rw', 'w1s', 'clear'),
  w1crs: kind('rw', 'w1c', 'set'),
  w0src: kind('rw', 'w0s', 'clear'),
  w0crs: kind('rw', 'w0c', 'set'),
  wo: kind('wo'),
  woc: kind('wo', 'clear'),
  wos: kind('wo', 'set'),
  w1: kind('rw-once'),
  wo1: kind('wo-once'),
  reserved: kind('reserved'),
};

/** Other spellings: those of CMSIS-SVD and of many datasheets. */
const aliases: Readonly<Record<string, string>> = {
  r: 'ro',
  w: 'wo',
  'r/w': 'rw',
  'r/o': 'ro',
  'w/o': 'wo',
  'read-only': 'ro',
  'read-write': 'rw',
  'write-only': 'wo',
  writeonce: 'wo1',
  'read-writeonce': 'w1',
  'wo-once': 'wo1',
  'rw-once': 'w1',
  rw1c: 'w1c',
  rw1s: 'w1s',
  rw1t: 'w1t',
  rw0c: 'w0c',
  rw0s: 'w0s',
  'r/w1c': 'w1c',
  'r/w1s': 'w1s',
  'r/w0c': 'w0c',
  'rw/1c': 'w1c',
  rclr: 'rc',
  rsvd: 'reserved',
};

/** What `word` says, in any case of its letters; undefined for one that is none. */
export function accessKind(word: string): AccessKind | undefined {
  const low = word.trim().toLowerCase();
  return accessKinds[aliases[low] ?? low];
}

/** The word for it: 'rw', 'w1c'; undefined where no single word says it. */
export function accessWord({ access, writeEffect, readEffect }: AccessKind): string | undefined {
  for (const [word, each] of Object.entries(accessKinds)) {
    if (each.access === access && each.writeEffect === writeEffect && each.readEffect === readEffect) return word;
  }
  return undefined;
}
