import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { commandModules } from '../../src/repl/commands/index.js';
import { complete } from '../../src/repl/completion.js';
import { Registry } from '../../src/repl/registry.js';
import { describe } from '../../src/repl/report.js';
import { Session } from '../../src/repl/session.js';
import { UsageError } from '../../src/repl/usage-error.js';
import { KeptOutput } from './session-fixture.js';

// Files that random lines name are made in a folder of their own.
const here = process.cwd();
const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-fuzz-'));
process.chdir(folder);
const registry = new Registry(commandModules);
await registry.loadAll();
const output = new KeptOutput();
const session = new Session(registry, output);
await session.open('sim:sram');
after(() => {
  session.closeAll();
  process.chdir(here);
  rmSync(folder, { recursive: true });
});

const vocabulary = [
  ...'peek poke dump fill find compare save load expect wait irq enable disable mask trigger stats rearm storm'.split(
    ' ',
  ),
  ...'dma alloc map unmap free check maps iommu translate verify snapshot record stop log help info regions'.split(' '),
  ...'echo option readonly on off use reset disasm history open close region0 region1 region4 config iova msix'.split(
    ' ',
  ),
  ...'0 1 4 0x100 0x200 64B 4K 0..0x10 0x1f0..0x210 1:1 -1 ~0 1/0 08 0b1 9999999999999999999999 config.COMMAND'.split(
    ' ',
  ),
  ...'== != --timeout 1ms --count --json --js -n --text sram --limit --stride --verify --allow-split --arch x86'.split(
    ' ',
  ),
  ...'.b .q :8 :64 + +0x8 ( ) [ ] " \' \\ $a $a= $_ = # ; ? f.bin snapshot:f.json ~ -- --text=a é \u{1f600}'.split(' '),
  '[region0 0]',
  '(1 + 2)',
];
const line = fc
  .array(fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...vocabulary) }, fc.string({ maxLength: 5 })), {
    maxLength: 8,
  })
  .chain((words) =>
    fc
      .array(fc.constantFrom(' ', ' ', ' ', '', '; '), { minLength: words.length, maxLength: words.length })
      .map((gaps) => words.map((word, index) => word + (gaps[index] ?? '')).join('')),
  );

test('Tab on any line ends, and touches nothing', async () => {
  await fc.assert(
    fc.asyncProperty(line, async (text) => {
      const before = session.device?.journal.recorded;
      let loads = 0;
      try {
        for (let found = complete(text, session); 'load' in found; found = complete(text, session)) {
          await registry.load(found.load);
          loads += 1;
          assert.ok(loads < 3, 'a command that is loaded is not asked for again');
        }
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
      }
      assert.equal(session.device?.journal.recorded, before);
    }),
    { numRuns: 500 },
  );
});

test('any line ends in an answer or in an error of its own, which move no cursor', { timeout: 120_000 }, async () => {
  // JavaScript may do anything, and these wait for as long as they are told.
  const left = /^\s*=|;\s*=|\b(?:js|run|sleep|quit|q|exit)\b|follow/;
  await fc.assert(
    fc.asyncProperty(
      line.filter((text) => !left.test(text)),
      fc.boolean(),
      async (text, prefixes) => {
        if (session.device === undefined) await session.open('sim:sram');
        try {
          await session.execute(text, { prefixes });
        } catch (error) {
          const { problem } = describe(error);
          if (problem.kind === 'bug') throw error;
        }
        for (const option of ['readonly', 'dryrun', 'json', 'js'] as const) session.options.set(option, false);
        // oxlint-disable-next-line no-control-regex
        assert.doesNotMatch(output.take(), /undefined|NaN|\[object|[\x00-\x09\x0b-\x1f]/);
      },
    ),
    { numRuns: 400 },
  );
});
