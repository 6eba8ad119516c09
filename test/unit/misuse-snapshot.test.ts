import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { VfioError } from '../../src/vfio/errors.js';
import { KeptOutput, memfdSession } from './session-fixture.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-snapshot-'));
const output = new KeptOutput();
const session = new Session(new Registry(commandModules), output);
after(() => {
  session.closeAll();
  rmSync(folder, { recursive: true });
});

interface Kept {
  device: Record<string, unknown>;
  regions: Record<string, unknown>[];
  irqs: Record<string, unknown>[];
  taken: string;
}

const good = join(folder, 'good.json');
await session.open('sim:sram');
await session.execute(`snapshot ${good} region1 config`, { prefixes: false });

/** A copy of the good snapshot that `change` has made a bad one. */
function altered(change: (kept: Kept) => void): string {
  const kept = JSON.parse(readFileSync(good, 'utf8')) as Kept;
  change(kept);
  const path = join(folder, 'altered.json');
  writeFileSync(path, JSON.stringify(kept));
  return path;
}

test('a snapshot that does not hold together is refused, in words, and at once', async () => {
  const region = (over: Record<string, unknown>) => (kept: Kept) => void Object.assign(kept.regions[0] ?? {}, over);
  const device = (over: Record<string, unknown>) => (kept: Kept) => void Object.assign(kept.device, over);
  const cases: [change: (kept: Kept) => void, why: RegExp][] = [
    [device({ regionCount: 2 ** 32 - 1 }), /device\.regionCount/],
    [device({ regionCount: 2 ** 40 }), /device\.regionCount/],
    [device({ irqCount: 2 ** 32 - 1 }), /device\.irqCount/],
    [device({ flags: 2 ** 50 }), /device\.flags/],
    [device({ name: 7 }), /device\.name/],
    [region({ flags: 2 ** 32 }), /regions\.0\.flags/],
    [
      region({ size: 2 ** 52, blocks: [{ offset: 0, words: [`0x0*${2 ** 40}`] }] }),
      /more than the \d+ that a snapshot may hold/,
    ],
    [
      region({ size: 2 ** 27, blocks: Array.from({ length: 1000 }, () => ({ offset: 0, words: [`0x0*${2 ** 25}`] })) }),
      /more than the \d+ that a snapshot may hold/,
    ],
    [region({ blocks: [{ offset: 2, words: ['0x0'] }] }), /at 2 is not aligned to its 32 bits/],
    [region({ blocks: [{ offset: 0, words: ['0x100'], width: 8 }] }), /more than 8 bits/],
    [region({ blocks: [{ offset: 0, words: ['0x1'], width: 9 }] }), /regions\.0\.blocks\.0\.width/],
    [region({ size: -4 }), /regions\.0\.size/],
    [region({ width: 12 }), /regions\.0\.width/],
    [region({ index: 1e9 }), /regions\.0\.index/],
    [region({ blocks: [{ offset: 0, words: ['0x0*99999999999999999999'] }] }), /past the region's end/],
    [region({ blocks: [{ offset: 2 ** 53 - 4, words: ['0x0'] }] }), /past the region's end/],
    [region({ blocks: [{ offset: 0, words: ['0x100000000'] }] }), /more than 32 bits/],
    [region({ blocks: [{ offset: 0, words: ['-1'] }] }), /a word is hexadecimal/],
    [(kept) => void Object.assign(kept.irqs[0] ?? {}, { count: 2 ** 32 }), /irqs\.0\.count/],
  ];
  for (const [change, why] of cases)
    await assert.rejects(session.open(`snapshot:${altered(change)}`), why, String(why));
});

test('what is no snapshot at all is refused, and no pipe is waited for', async () => {
  const [pipe, text] = [join(folder, 'pipe'), join(folder, 'text')];
  execFileSync('mkfifo', [pipe]);
  const cases: [path: string, why: RegExp][] = [
    [pipe, /no plain file/],
    ['/dev/zero', /no plain file/],
    [folder, /no plain file/],
    [join(folder, 'none'), /there is no such file/],
  ];
  for (const [path, why] of cases) await assert.rejects(session.open(`snapshot:${path}`), why);
  for (const content of ['', 'null', '[]', '['.repeat(1e6), '\0'.repeat(100), '{"format":"vfiodbg-snapshot"}']) {
    writeFileSync(text, content);
    await assert.rejects(session.open(`snapshot:${text}`), /no JSON|Invalid/, content.slice(0, 20));
  }
});

test('texts in a snapshot move no cursor', async () => {
  const evil = 'evil\x1b[2J\x1b]0;x\x07\u202e\nerror: fake';
  const path = altered((kept) => {
    kept.device['name'] = evil;
    kept.taken = evil;
    const [region] = kept.regions;
    Object.assign(region ?? {}, { name: evil, missing: [{ start: 0, end: 4, reason: evil }], blocks: [] });
  });
  await session.open(`snapshot:${path}`);
  output.take();
  for (const line of ['info', 'regions', 'irq', 'dump region1 0..16', 'log']) {
    await session.execute(line, { prefixes: false });
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(output.take(), /[\x00-\x09\x0b-\x1f\u202e]/, line);
  }
  await assert.rejects(async () => session.execute('peek region1 0', { prefixes: false }), /not in the snapshot/);
  session.close();
});

test('a snapshot beside its device is another device, and is read-only', async () => {
  const live = session.device;
  const kept = await session.open(`snapshot:${good}`);
  assert.notEqual(kept.name, live?.name);
  assert.equal(await session.open('sim:sram'), live);
  assert.equal(await session.open(`snapshot:${good}`), kept);
  for (const line of ['poke region1 0x10 1', 'irq enable msi', 'reset', 'dma alloc ring 4K'])
    await assert.rejects(
      async () => session.execute(line, { prefixes: false }),
      /snapshot|read-only|no reset|cannot/,
      line,
    );
  session.close(kept);
  assert.equal(session.device, live);
});

test('no snapshot is begun that could not be read again', async () => {
  const { session: large } = memfdSession(2 ** 28);
  await assert.rejects(
    async () => large.execute(`snapshot ${folder}/large region0`, { prefixes: false }),
    /67108864 words are more/,
  );
  assert.equal(
    [...(large.device?.journal.entries() ?? [])].some(({ kind }) => kind === 'read-block'),
    false,
  );
  large.closeAll();
});

test('a file that is named as a device is told how to be named', async () => {
  writeFileSync(join(folder, 'kept.json'), '');
  const here = process.cwd();
  process.chdir(folder);
  try {
    await assert.rejects(session.open('kept.json'), (error) => {
      assert.ok(error instanceof VfioError);
      assert.match(error.details.hint ?? '', /snapshot:kept\.json/);
      return true;
    });
  } finally {
    process.chdir(here);
  }
});
