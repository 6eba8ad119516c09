import { repetition, test } from '../arguments/block-head.js';
import { type Control, defineCommand } from '../command.js';

/** Blocks are walked through by the runner; their words never run by themselves. */
function neverRun(): never {
  throw new Error('a word of blocks does not run by itself');
}

const ifDetails =
  'EXPR holds where it is not 0: [region0 0x20] & 1, $count < 4 && $_ != 0. Each [LOCATION] in it is read once each time it is come to, and ' +
  'not at all where && or || has decided. Blocks span lines, or stand on one with ; between, and go into each other; end closes the ' +
  'innermost. At the prompt nothing of a block runs before its end, and Ctrl-C drops it.';

/** What all words of blocks have in common. */
function common(control: Control) {
  return {
    name: control,
    control,
    group: 'scripts',
    flags: {},
    effect: 'none',
    needs: 'nothing',
    run: neverRun,
  } as const;
}

export const commands = [
  defineCommand({
    ...common('if'),
    summary: 'run the lines up to elif, else or end where an expression holds',
    details: ifDetails,
    arguments: { test: test('what decides: not 0 is yes') },
    effect: 'read',
    examples: [
      {
        line: 'if [region0 0] == 0x010000ed; echo this is edu; else; echo this is something else; end',
        says: 'a block on one line',
        device: 'sim:edu',
      },
    ],
  }),

  defineCommand({
    ...common('elif'),
    summary: 'in an if: run the lines that follow where none before held and this one does',
    arguments: { test: test('what decides: not 0 is yes') },
    effect: 'read',
    examples: [
      { line: 'if $# == 0; echo none; elif $# == 1; echo one; else; echo many; end', says: 'by the arguments' },
    ],
  }),

  defineCommand({
    ...common('else'),
    summary: 'in an if: run the lines that follow where nothing before held',
    arguments: {},
    examples: [{ line: 'if 0; echo never; else; echo always; end', says: 'the other way' }],
  }),

  defineCommand({
    ...common('repeat'),
    summary: 'run the lines up to end so many times, or as long as an expression holds',
    details:
      'N is evaluated once. `repeat while EXPR` is `while EXPR`. break leaves the loop, continue goes on with its next round; Ctrl-C ends it.',
    arguments: { repetition: repetition('how often') },
    effect: 'read',
    examples: [
      { line: 'repeat 3; peek region0 0x0; end', says: 'three reads', device: 'sim:edu' },
      {
        line: '$n = 1; repeat while $n < 0x100; poke region0 0x4 $n; expect region0 0x4 == (~$n & 0xffffffff); $n = $n << 1; end',
        says: 'a one that walks through a register',
        device: 'sim:edu',
      },
    ],
  }),

  defineCommand({
    ...common('while'),
    summary: 'run the lines up to end as long as an expression holds',
    details:
      'It is evaluated before each round. To wait for a value of one place, `wait` is quicker, and gives up in time.',
    arguments: { test: test('what decides: not 0 goes on') },
    effect: 'read',
    examples: [
      {
        line: 'while [region0 0x20] & 1; sleep 1ms; end',
        says: 'until the factorial is computed',
        device: 'sim:edu',
        after: ['poke region0 0x8 5'],
      },
    ],
  }),

  defineCommand({
    ...common('end'),
    summary: 'end an if, a repeat or a while',
    arguments: {},
    examples: [{ line: 'repeat 2; echo again; end', says: 'a block on one line' }],
  }),

  defineCommand({
    ...common('break'),
    summary: 'leave the innermost loop',
    arguments: {},
    examples: [
      {
        line: 'repeat 100; if ([region0 0x20] & 1) == 0; break; end; sleep 1ms; end',
        says: 'a hundred looks at the most',
        device: 'sim:edu',
      },
    ],
  }),

  defineCommand({
    ...common('continue'),
    summary: 'go on with the next round of the innermost loop',
    arguments: {},
    examples: [
      {
        line: '$n = 0; while $n < 4; $n = $n + 1; if $n == 2; continue; end; echo round; end',
        says: 'leave one round out',
      },
    ],
  }),
];
