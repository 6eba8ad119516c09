import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import xterm from '@xterm/headless';
import fc from 'fast-check';
import { Interrupted } from '../../src/repl/interrupted.js';
import { LiveArea } from '../../src/repl/live-area.js';
import { condensed, type Sample, Series } from '../../src/views/series.js';
import { json } from '../../src/views/sinks/json.js';
import { plain } from '../../src/views/sinks/plain.js';
import type { ChartView } from '../../src/views/view.js';
import { assertGolden } from './golden.js';
import { field, map, register } from './register-fixture.js';
import { memfdSession } from './session-fixture.js';
import { Terminal } from './terminal.js';

const script = { prefixes: false };
const main = fileURLToPath(new URL('../../src/repl/main.js', import.meta.url));

function chart(samples: readonly Sample[], over: Partial<ChartView> = {}): ChartView {
  const base = { title: 'region0+0x0', seconds: 1, rows: 6, notes: ['a note'], data: {} };
  return { kind: 'chart', samples, label: (value) => value.toString(), ...base, ...over };
}

/** What a screen shows that is written `text`. */
async function screen(text: string, columns = 80, rows = 24): Promise<string[]> {
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
  await new Promise<void>((resolve) => {
    terminal.write(text, resolve);
  });
  const { active } = terminal.buffer;
  const lines = Array.from({ length: active.length }, (_, nth) => active.getLine(nth)?.translateToString(true) ?? '');
  terminal.dispose();
  return lines.filter((line) => line !== '');
}

test('charts look as they are written down', () => {
  const wave = Array.from({ length: 120 }, (_, nth) => BigInt(Math.round(500 + 500 * Math.sin(nth / 9))));
  const huge = [0n, 1n, 2n, 3n].map((low) => 2n ** 64n - 4n + low);
  const names = ['IDLE', 'RUN', 'DONE'];
  const views: readonly ChartView[] = [
    chart(wave),
    chart(wave.slice(0, 20), { rows: 4 }),
    chart([0n, 1n, 2n, 1n, 0n], { label: (value) => names[Number(value)] ?? '?' }),
    chart([5n, 5n, undefined, undefined, 7n, 9n, undefined]),
    chart(huge, { label: (value) => `0x${value.toString(16)}` }),
    chart([7n]),
    chart([undefined, undefined]),
  ];
  const forms = [40, 80, Infinity].map((columns) => {
    const name = columns === Infinity ? 'unlimited' : `${columns} columns`;
    return `=== ${name} ===\n${views.map((view) => plain(view, columns)).join('\n')}`;
  });
  assertGolden('chart.txt', forms.join(''));
});

test('a chart is no wider than the screen, and its curve no higher than its rows', () => {
  const sample = fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { nil: undefined });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(sample, fc.bigInt({ min: 0n, max: 3n })), { minLength: 1, maxLength: 300 }),
      fc.integer({ min: 50, max: 150 }),
      fc.integer({ min: 2, max: 20 }),
      (samples, columns, rows) => {
        const lines = plain(chart(samples, { rows, notes: [] }), columns)
          .trimEnd()
          .split('\n');
        assert.ok(
          lines.every((line) => line.length <= columns),
          lines.join('\n'),
        );
        assert.ok(lines.length <= rows + 2);
        assert.doesNotMatch(lines.join('\n'), /NaN|undefined/);
      },
    ),
    { numRuns: 200 },
  );
});

test('samples that become one keep the peaks, and what was not read stays apart', () => {
  const quiet = Array.from({ length: 1000 }, (_, nth): Sample => (nth === 567 ? 9n : 1n));
  assert.equal(condensed(quiet, 80).filter((sample) => sample === 9n).length, 1);
  assert.deepEqual(condensed([1n, undefined, undefined, undefined], 2), [1n, undefined]);
  const series = new Series();
  for (let nth = 0; nth < 1_000_000; nth += 1) series.add(nth === 777_777 ? 5n : 0n);
  assert.equal(series.count, 1_000_000);
  assert.ok(series.samples.length <= 4096);
  assert.equal(series.samples.filter((sample) => sample === 5n).length, 1);
});

test('plot reads once in each period, by the names of a field, and keeps its gaps', async () => {
  const { session, output } = memfdSession();
  const device = session.device ?? assert.fail();
  const state = field('STATE', [3, 2], { values: { IDLE: 0, RUN: 1, DONE: 2 } });
  device.registers.add(
    map('unit', [register('SR', 0, { fields: [state] }), register('RC', 4, { readEffect: 'clear' })]),
  );
  device.region(0).write32(0, 0x4);
  const before = device.journal.recorded;
  await session.execute('plot SR.STATE --every 1ms --count 6', script);
  const notes = [...device.journal.entries(before)].filter(({ kind }) => kind === 'note');
  assert.deepEqual(
    notes.map((entry) => 'text' in entry && entry.text),
    ['plot region0.SR.STATE: 6 reads in 6 rounds'],
  );
  const view = JSON.parse(json(output.views[0] ?? assert.fail())) as Record<string, unknown>;
  assert.deepEqual([view['kind'], view['samples']], ['chart', Array(6).fill('0x1')]);
  assert.match(output.take(), /RUN ┼─+\n[\s\S]*6 samples, from RUN to RUN, the last RUN\n/);
  assert.equal(session.last, 1n);
  await assert.rejects(async () => session.execute('plot RC', script), /RC: reading it clears it/);
  await session.execute('plot SR -n', script);
  assert.match(output.take(), /would read region0\+0x0 \(32 bits\)/);
  session.closeAll();
});

test('Ctrl-C ends a plot with what came so far', async () => {
  const { session, output, transport } = memfdSession();
  (session.device ?? assert.fail()).mmap = false;
  const running = session.execute('plot region0 0 --every 1ms --for 1h', script);
  while (transport.calls.length === 0) await new Promise(setImmediate);
  session.interrupt();
  await assert.rejects(async () => running, Interrupted);
  assert.match(output.take(), /0 ┼─+\n[\s\S]*samples?, from 0 to 0/);
  session.closeAll();
});

test('what is live is drawn in its own place, and leaves nothing behind', async () => {
  const area = new LiveArea();
  const draw = (...lines: string[]): string => area.draw({ kind: 'text', lines }, plain, { columns: 40, rows: 10 });
  let text = 'before\r\n';
  const crlf = (piece: string): string => piece.replaceAll('\n', '\r\n');
  text += crlf(draw('one', 'two is long', 'three'));
  assert.deepEqual(await screen(text, 40, 10), ['before', 'one', 'two is long', 'three']);
  text += crlf(draw('ONE', 'TWO'));
  assert.deepEqual(await screen(text, 40, 10), ['before', 'ONE', 'TWO']);
  text += crlf(draw(...Array.from({ length: 30 }, (_, nth) => `line ${nth}`)));
  text += crlf(draw('last'));
  assert.deepEqual(await screen(text, 40, 10), ['before', 'last']);
  text += crlf(area.erase());
  assert.deepEqual(await screen(`${text}after`, 40, 10), ['before', 'after']);
});

test('on a terminal a plot is drawn as it grows, and once at the end; elsewhere there is no control character', async () => {
  const terminal = new Terminal(['-c', 'echo begun; plot region0 0 --every 5ms --count 60; echo done', 'sim:sram']);
  assert.equal(await terminal.exit, 0);
  assert.ok(terminal.raw.split('region0+0x0').length > 3, 'it was drawn again and again');
  const lines = await screen(terminal.raw);
  assert.deepEqual(
    lines.filter((line) => /begun|region0|samples|done/.test(line)),
    ['begun', 'region0+0x0', '60 samples, from 1296126547 to 1296126547, the last 1296126547', 'done'],
  );
  const args = ['-c', 'plot region0 0 --every 1ms --count 5', 'sim:sram'];
  const piped = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  assert.match(piped.stdout, /^region0\+0x0\n1296126547 ┼─+\n/);
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(piped.stdout + piped.stderr, /[\x00-\x09\x0b-\x1f]/);
  const dumb = new Terminal(args, undefined, { env: { TERM: 'dumb' } });
  assert.equal(await dumb.exit, 0);
  assert.ok(!dumb.raw.includes('\u001b'));
});
