import assert from 'node:assert/strict';
import { configRegister } from '../../src/repl/config-registers.js';
import type { Names } from '../../src/repl/environment.js';
import { RegisterSet } from '../../src/vfio/registers/register-set.js';
import type { Space } from '../../src/vfio/space.js';

/** A space that must never be touched: for the language, which only names it. */
export function fakeSpace(name: string, size: number, aliases: readonly string[] = []): Space {
  const touched = (): never => assert.fail(`${name} was touched`);
  return {
    name,
    aliases,
    size,
    readable: true,
    writable: true,
    read: touched,
    write: touched,
    readBlock: touched,
    writeBlock: touched,
    poll: touched,
  };
}

/** The names of a device with these spaces; the first is the one of `use`. */
export function namesOf(spaces: readonly Space[]): Names {
  return {
    space: (name) => spaces.find((space) => space.name === name || space.aliases.includes(name)),
    spaceNames: spaces.flatMap((space) => [space.name, ...space.aliases]),
    defaultSpace: spaces[0],
    registers: new RegisterSet(),
    register: (space, path) => (space === 'config' ? configRegister(path) : 'no register map is loaded'),
  };
}
