import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { KeptOutput } from './session-fixture.js';

// Examples name files as a user would: the scripts that ship with the tool, and files of their own in /tmp.
let root = dirname(fileURLToPath(import.meta.url));
while (!existsSync(join(root, 'package.json'))) root = dirname(root);
process.chdir(root);
const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-examples-'));
after(() => rmSync(folder, { recursive: true }));

const registry = new Registry(commandModules);
const commands = await registry.loadAll();

/** Makes lines have the files of /tmp in a folder of one example: no other's file is in its way. */
function elsewhere(): (line: string) => string {
  const own = mkdtempSync(join(folder, 'example-'));
  return (line) => line.replaceAll('/tmp/', `${own}/`);
}

for (const command of commands) {
  for (const { line, device, after: before, untested } of command.examples) {
    test(
      `${command.name}: ${line}${device === undefined ? '' : ` (${device})`}`,
      { skip: untested ?? false },
      async () => {
        const output = new KeptOutput();
        const session = new Session(registry, output);
        const here = elsewhere();
        try {
          if (device !== undefined) await session.open(device);
          for (const each of [...(before ?? []), line]) await session.execute(here(each), { prefixes: false });
          assert.doesNotMatch(output.take(), /undefined|NaN|\[object/);
        } finally {
          session.closeAll();
        }
      },
    );
  }
}
