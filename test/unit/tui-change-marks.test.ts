import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Line } from '../../src/views/line.js';
import { ChangeMarks } from '../../src/views/tui/change-marks.js';
import { sparkline } from '../../src/views/tui/sparkline.js';
import { HeadlessScreen } from './tui-fixture.js';

/** One row: an address, which is never marked, and the cells behind it. */
function row(cells: string): Line[] {
  return [
    [
      { text: '00000000: ', role: 'address' },
      { text: cells, role: 'value' },
    ],
  ];
}

/** The words of a look that are marked, with how. */
function marked(marks: ChangeMarks, cells: string): string[] {
  marks.take(row(cells));
  return marks
    .mark(row(cells))
    .flat()
    .filter(({ role }) => role === 'changed' || role === 'heading')
    .map(({ text, role }) => `${text} ${role}`);
}

test('a cell that changed is marked, the mark fades with the looks, and is gone', () => {
  const marks = new ChangeMarks();
  assert.deepEqual(marked(marks, '01 02 03'), [], 'the first look is no change');
  assert.deepEqual(marked(marks, '01 ff 03'), ['ff changed']);
  assert.deepEqual(marked(marks, '01 ff 03'), ['ff changed']);
  const fading = [1, 2, 3].map(() => marked(marks, '01 ff 03'));
  assert.deepEqual(fading, [['ff heading'], ['ff heading'], ['ff heading']]);
  assert.deepEqual(marked(marks, '01 ff 03'), []);
});

test('a cell that changes again is fresh again, beside one that fades', () => {
  const marks = new ChangeMarks();
  marked(marks, '01 02 03');
  marked(marks, 'aa 02 03');
  marked(marks, 'aa 02 03');
  assert.deepEqual(marked(marks, 'aa 02 bb'), ['aa heading', 'bb changed']);
  marks.forget();
  assert.deepEqual(marked(marks, '11 22 33'), [], 'another place is no change');
});

test('on the screen a cell that another writes is inverse, without any colour', async (t) => {
  const screen = await HeadlessScreen.open('sim:sram', 132, 43);
  t.after(() => screen.close());
  await screen.until((text) => text.includes('00000000: 53 52 41 4d'));
  screen.takeWritten();
  screen.session.device?.region('region0').write8(0x21, 0xa5);
  await screen.until((text) => text.includes('00000020: 00 a5'));
  // oxlint-disable-next-line no-control-regex
  assert.match(screen.takeWritten(), /\u001b\[7ma5/);
});

test('rates are drawn as bars, the highest as high as can be', () => {
  assert.equal(sparkline([0, 1, 4, 8]), ' ▁▄█');
  assert.equal(sparkline([0, 0]), '  ');
  assert.equal(sparkline([]), '');
});
