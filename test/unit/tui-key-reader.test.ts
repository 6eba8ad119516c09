import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { KeyReader } from '../../src/views/tui/key-reader.js';

const E = '\u001b';

/** A reader, and what it told: keys by their names, the mouse as 'action column,row', pastes in brackets. */
function reader(): { feed: (...pieces: readonly (string | Buffer)[]) => void; told: string[]; sequences: string[] } {
  const told: string[] = [];
  const sequences: string[] = [];
  const keys = new KeyReader({
    onKey: ({ name, sequence }) => {
      told.push(name);
      sequences.push(sequence);
    },
    onMouse: ({ action, column, row }) => told.push(`${action} ${column},${row}`),
    onPaste: (text) => told.push(`[${text}]`),
  });
  return { told, sequences, feed: (...pieces) => pieces.forEach((piece) => keys.feed(Buffer.from(piece))) };
}

function keysOf(...pieces: readonly string[]): string[] {
  const { feed, told } = reader();
  feed(...pieces);
  return told;
}

test('letters, controls and what has a name', () => {
  assert.deepEqual(keysOf('aG?\r\n\t\u007f\b \u0003\u000c'), [
    'a',
    'S-g',
    '?',
    'return',
    'linefeed',
    'tab',
    'backspace',
    'backspace',
    'space',
    'C-c',
    'C-l',
  ]);
  assert.deepEqual(keysOf('ä漢😀'), ['ä', '漢', '😀']);
});

test('function keys and arrows as xterm, rxvt, screen and the Linux console send them', () => {
  assert.deepEqual(keysOf(`${E}OP${E}[11~${E}[[A${E}OS${E}[15~${E}[[E${E}[24~`), [
    'f1',
    'f1',
    'f1',
    'f4',
    'f5',
    'f5',
    'f12',
  ]);
  assert.deepEqual(keysOf(`${E}[A${E}OB${E}[H${E}[1~${E}[7~${E}OF${E}[5~${E}[Z`), [
    'up',
    'down',
    'home',
    'home',
    'home',
    'end',
    'pageup',
    'S-tab',
  ]);
  assert.deepEqual(keysOf(`${E}[1;5C${E}[1;2A${E}[5;3~${E}[1;6D`), ['C-right', 'S-up', 'M-pageup', 'C-S-left']);
});

test('the mouse, by mode 1006 and by the old one; its movements are nothing', () => {
  assert.deepEqual(keysOf(`${E}[<0;1;2M${E}[<0;300;100m${E}[<64;5;6M${E}[<65;5;6M${E}[<35;9;9M${E}[<66;1;1M`), [
    'press 0,1',
    'release 299,99',
    'wheel-up 4,5',
    'wheel-down 4,5',
  ]);
  assert.deepEqual(keysOf(`${E}[M !"${E}[M#!!x`), ['press 0,1', 'release 0,0', 'x']);
});

test('keys around an event of the mouse are not lost', () => {
  assert.deepEqual(keysOf(`a${E}[<0;1;1Mb${E}[<0;1;1mc`), ['a', 'press 0,0', 'b', 'release 0,0', 'c']);
});

test('an escape is a key where nothing follows, and with a key that comes at once it is Alt', async () => {
  const { feed, told } = reader();
  feed(E);
  assert.deepEqual(told, []);
  await sleep(80);
  assert.deepEqual(told, ['escape']);
  feed('q', `${E}q`, `${E}${E}[A`);
  assert.deepEqual(told, ['escape', 'q', 'M-q', 'escape', 'up']);
});

test('what is pasted is text, with its line breaks and escapes, also where its end comes in pieces', () => {
  assert.deepEqual(keysOf(`a${E}[200~q\rpoke ${E}[A`, `0${E}[20`, `1~b`), ['a', `[q\rpoke ${E}[A0]`, 'b']);
});

test('answers of the terminal that nobody asked for, and focus events, are no keys', () => {
  assert.deepEqual(keysOf(`${E}[I${E}[O${E}[?62;4c${E}[>0;276;0cx`), ['x']);
});

test('a paste that has no end takes no more memory than a paste may', () => {
  const { feed, told } = reader();
  feed(`${E}[200~`);
  for (let round = 0; round < 100; round += 1) feed('x'.repeat(10_000));
  feed(`${E}[201~y`);
  assert.deepEqual([told.length, told[0]?.length, told[1]], [2, 65_538, 'y']);
});

test('bytes say the same however they are cut', () => {
  const parts = [
    'a',
    'ä',
    '漢',
    '😀',
    '\r',
    `${E}[A`,
    `${E}OP`,
    `${E}[[C`,
    `${E}[15~`,
    `${E}[<0;12;7M`,
    `${E}[M !"`,
    `${E}[200~p${E}[201~`,
  ];
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...parts), { maxLength: 12 }),
      fc.array(fc.nat(80), { maxLength: 8 }),
      (words, cuts) => {
        const bytes = Buffer.from(words.join(''));
        const places = [
          0,
          ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((one, other) => one - other),
          bytes.length,
        ];
        const [whole, cut] = [reader(), reader()];
        whole.feed(bytes);
        cut.feed(...places.slice(1).map((end, index) => bytes.subarray(places[index], end)));
        assert.deepEqual(cut.told, whole.told);
        assert.deepEqual(cut.sequences, whole.sequences);
      },
    ),
  );
});
