import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { layOut, type LayoutRequest, type Rect, type Size } from '../../src/views/tui/layout.js';

const some = (count: number): LayoutRequest['panes'] =>
  Array.from({ length: count }, (_, index) => ({ id: `pane${index}`, weight: 1 + (index % 3) }));

function request(panes: LayoutRequest['panes'], rest: Partial<LayoutRequest> = {}): LayoutRequest {
  return { panes, prompt: 'prompt', focus: 'prompt', recent: [], zoomed: false, ...rest };
}

/** Fails where rectangles overlap, leave the screen, or leave a cell of it out. */
function assertTiled({ columns, rows }: Size, rects: readonly Rect[]): void {
  const taken = new Uint8Array(columns * rows);
  for (const rect of rects) {
    assert.ok(rect.columns >= 0 && rect.rows >= 0, `${JSON.stringify(rect)} is less than nothing`);
    for (let row = rect.top; row < rect.top + rect.rows; row += 1) {
      for (let column = rect.left; column < rect.left + rect.columns; column += 1) {
        assert.ok(column < columns && row < rows, `${column},${row} lies outside`);
        taken[row * columns + column] = (taken[row * columns + column] ?? 0) + 1;
      }
    }
  }
  assert.ok(
    taken.every((times) => times === 1),
    'each cell belongs to one rectangle',
  );
}

test('every screen is covered, nothing overlaps, and each pane is shown or named as hidden', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 0, max: 12 }),
      fc.nat(12),
      fc.boolean(),
      (columns, rows, count, focused, zoomed) => {
        const panes = some(count);
        const focus = panes[focused]?.id ?? 'prompt';
        const layout = layOut({ columns, rows }, request(panes, { focus, zoomed }));
        assertTiled({ columns, rows }, [layout.status, layout.keys, ...layout.panes.map(({ rect }) => rect)]);
        const ids = [...layout.panes.map(({ id }) => id), ...layout.hidden];
        assert.deepEqual(ids.toSorted(), [...panes.map(({ id }) => id), 'prompt'].toSorted());
        assert.ok(
          layout.panes.some(({ id }) => id === focus),
          'the pane with the keys is in sight',
        );
      },
    ),
    { numRuns: 400 },
  );
});

test('with room for them, panes have seven rows and sixty columns at the least, and the prompt six rows', () => {
  for (const [columns, rows] of [
    [80, 24],
    [132, 43],
    [200, 60],
    [300, 100],
  ] as const) {
    for (const { id, rect } of layOut({ columns, rows }, request(some(4))).panes) {
      assert.ok(rect.columns >= 60, `${id} is ${rect.columns} columns wide at ${columns}x${rows}`);
      assert.ok(rect.rows >= (id === 'prompt' ? 6 : 7), `${id} has ${rect.rows} rows at ${columns}x${rows}`);
    }
  }
});

test('on a large screen all are in sight, side by side', () => {
  const { panes, hidden } = layOut({ columns: 132, rows: 43 }, request(some(4)));
  assert.deepEqual(hidden, []);
  assert.deepEqual(
    panes.map(({ id, rect }) => [id, rect.left]),
    [
      ['pane0', 0],
      ['pane1', 0],
      ['pane2', 66],
      ['pane3', 66],
      ['prompt', 0],
    ],
  );
});

test('where there is room for panes side by side that show 16 bytes a line, none is narrower', () => {
  for (const columns of [158, 180, 200, 240, 300]) {
    for (const { id, rect } of layOut({ columns, rows: 60 }, request(some(4))).panes) {
      assert.ok(rect.columns >= 79, `${id} is ${rect.columns} columns wide at ${columns}`);
    }
  }
});

test('where there is no room for all, those that were used last stay', () => {
  const { panes } = layOut({ columns: 80, rows: 24 }, request(some(6), { recent: ['pane4', 'pane5'] }));
  assert.deepEqual(
    panes.map(({ id }) => id),
    ['pane4', 'pane5', 'prompt'],
  );
});

test('zoomed, the pane with the keys has the screen to itself', () => {
  const { panes, hidden } = layOut({ columns: 80, rows: 24 }, request(some(2), { focus: 'pane1', zoomed: true }));
  assert.deepEqual(panes, [{ id: 'pane1', rect: { left: 0, top: 1, columns: 80, rows: 22 } }]);
  assert.deepEqual(hidden, ['pane0', 'prompt']);
});
