import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { flagName, tellsOnly } from '../../src/repl/command.js';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { ExpectationError, UsageError } from '../../src/repl/usage-error.js';
import { VfioError } from '../../src/vfio/errors.js';
import type { JournalEntry } from '../../src/vfio/journal.js';
import { KeptOutput } from './session-fixture.js';

let root = dirname(fileURLToPath(import.meta.url));
while (!existsSync(join(root, 'package.json'))) root = dirname(root);
process.chdir(root);
const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-read-only-'));
after(() => rmSync(folder, { recursive: true }));

const registry = new Registry(commandModules);
const commands = await registry.loadAll();

/** What changes a device, its interrupts or its mappings. */
const changing: readonly JournalEntry['kind'][] = ['write', 'write-block', 'reset', 'irq-control', 'bind'];

function changesIn(entries: Iterable<JournalEntry>): JournalEntry[] {
  return [...entries].filter(({ kind }) => changing.includes(kind));
}

/** What a script ends with that is refused something, or a command itself. */
function isRefusal(error: unknown): boolean {
  return error instanceof VfioError || (error instanceof Error && error.name === 'ScriptFailure');
}

/** A session with the device of an example and what comes before the example done, in a folder without files; then read-only. */
async function readOnly(device: string | undefined, before: readonly string[]): Promise<Session> {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
  const session = new Session(registry, new KeptOutput());
  if (device !== undefined) await session.open(device);
  for (const line of before) await session.execute(here(line), { prefixes: false });
  session.options.set('readonly', true);
  return session;
}

function here(line: string): string {
  return line.replaceAll('/tmp/', `${folder}/`);
}

/** What the way in to a device can be asked for that changes something. */
const altering: readonly string[] = ['write', 'setIrqs', 'reset', 'dmaMap', 'dmaUnmap'];

/** Notes what the transport of the open device is asked for from now on. */
function heard({ device }: Session): string[] {
  const calls: string[] = [];
  if (device === undefined) return calls;
  const { transport } = device;
  for (const name of ['read', ...altering]) {
    const original: unknown = Reflect.get(transport, name);
    assert.ok(typeof original === 'function');
    Reflect.set(transport, name, (...given: unknown[]): unknown => {
      calls.push(name);
      return Reflect.apply(original, transport, given);
    });
  }
  return calls;
}

for (const { name, effect, flags, examples } of commands) {
  const changes = effect !== 'none' && effect !== 'read';
  const telling = Object.keys(flags).filter((key) => tellsOnly(flags[key]));
  test(`${name} in a read-only session ${changes ? 'is refused before it asks for anything' : 'changes nothing'}`, async () => {
    for (const { line, device, after: before = [], untested } of examples) {
      const refuses = changes && !telling.some((key) => line.includes(flagName(key)));
      if (!refuses && untested !== undefined) continue;
      const session = await readOnly(untested === undefined ? device : 'sim:edu', untested === undefined ? before : []);
      try {
        const journal = session.device?.journal;
        const from = journal?.recorded ?? 0;
        const calls = heard(session);
        const run = async (): Promise<void> => session.execute(here(line), { prefixes: false });
        // A line may hold more than one command: the first that changes something ends it.
        if (refuses)
          await assert.rejects(run(), (error) => error instanceof VfioError && error.kind === 'readonly', line);
        else await run().catch((error: unknown) => assert.ok(isRefusal(error), String(error)));
        assert.deepEqual(changesIn(journal?.entries(from) ?? []), [], line);
        const alone = refuses && line.startsWith(name);
        assert.deepEqual(alone ? calls : calls.filter((call) => altering.includes(call)), [], line);
      } finally {
        session.closeAll();
      }
    }
  });

  test(`${name} in a dry run asks for nothing, and nothing that was not read stands in the journal`, async () => {
    for (const { line, device, after: before = [], untested } of examples) {
      if (untested !== undefined) continue;
      const session = await readOnly(device, before);
      try {
        session.options.set('readonly', false);
        session.options.set('dryrun', true);
        const journal = session.device?.journal;
        const from = journal?.recorded ?? 0;
        const calls = heard(session);
        const run = async (): Promise<void> => session.execute(here(line), { prefixes: false });
        await run().catch((error: unknown) =>
          assert.ok(
            isRefusal(error) || error instanceof UsageError || error instanceof ExpectationError,
            String(error),
          ),
        );
        const made = [...(journal?.entries(from) ?? [])].filter(
          ({ kind }) => kind.startsWith('read') || changing.includes(kind),
        );
        assert.deepEqual([calls, made], [[], []], line);
      } finally {
        session.closeAll();
      }
    }
  });
}

test('whatever reaches a read-only device by JavaScript is refused by the device itself', async () => {
  const session = await readOnly('sim:sram', []);
  try {
    const from = session.requireDevice().journal.recorded;
    for (const code of [
      'device.region(0).write32(4, 1)',
      'device.region(0).write(32, 4, 1)',
      'device.region(0).writeBlock({ offset: 0, width: 32, count: 1 }, new Uint8Array(4))',
      'device.reset()',
      'device.irqs.msi.enable()',
      "device.dma.alloc('ring', 4096)",
    ]) {
      await assert.rejects(
        async () => session.execute(`= ${code}`, { prefixes: false }),
        (error) => error instanceof VfioError && error.kind === 'readonly',
        code,
      );
    }
    assert.deepEqual(changesIn(session.requireDevice().journal.entries(from)), []);
  } finally {
    session.closeAll();
  }
});
