import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { KeptOutput } from './session-fixture.js';

async function shown(line: string): Promise<string> {
  const output = new KeptOutput();
  await new Session(new Registry(commandModules), output).execute(line, { prefixes: false });
  return output.take();
}

test('filters are buses and parts of what is shown, and all of them have to fit', async () => {
  assert.match(await shown('devices sim EDU'), /^device .*\nsim:edu .*\n$/);
  assert.match(await shown('devices sim "real time"'), /^device .*\nsim:pl031 .*\n$/);
  assert.equal(await shown('devices sim dma'), 'no device that is sim and dma\n');
  assert.equal(await shown('devices no-such-thing'), 'no device that is no-such-thing\n');
});
