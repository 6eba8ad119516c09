// A map of 10,000 registers: what Tab costs at the prompt, and a register's name in a command, beside its offset.
import { complete } from '../../src/repl/completion.js';
import type { Session } from '../../src/repl/session.js';
import { block, field, map, register } from '../unit/register-fixture.js';
import { memfdSession } from '../unit/session-fixture.js';
import { type Row, atMost } from './report.js';
import { best, inTurn, nanoseconds } from './rounds.js';

const REGISTERS = 10_000;
const IN_BLOCK = 100;
const TABS = 20;
const ROUNDS = 10;
const TAB_LIMIT_MS = 20;
const COMMAND_LIMIT_US = 5;

const fields = [field('SPEED', [5, 4], { values: { SLOW: 0, FAST: 1 } }), field('EN', [0, 0])];

/** Ten thousand registers in blocks, in one row, and as one array, each with a name of every kind that is typed. */
const shapes = {
  'in 100 blocks': {
    nodes: Array.from({ length: REGISTERS / IN_BLOCK }, (_, nth) =>
      block(
        `UART${nth}`,
        nth * IN_BLOCK * 4,
        Array.from({ length: IN_BLOCK }, (__, each) =>
          register(`UART${nth}.REG_${each}`, (nth * IN_BLOCK + each) * 4, { fields }),
        ),
      ),
    ),
    one: 'UART50.REG_7',
  },
  'in a row': {
    nodes: Array.from({ length: REGISTERS }, (_, nth) => register(`FLAT_${nth}_X`, nth * 4, { fields })),
    one: 'FLAT_777_X',
  },
  'as an array': {
    nodes: Array.from({ length: REGISTERS }, (_, nth) => register(`ARR[${nth}]`, nth * 4, { fields })),
    one: 'ARR[777]',
  },
} as const;

/** Beginnings of lines: with nothing, half and all of a name, with fields and values, and with names that there are none of. */
const lines = (one: string): string[] => [
  'peek ',
  'peek region0.',
  `peek region0.${one.slice(0, 5)}`,
  `reg ${one}`,
  `reg ${one.slice(0, 3)}* `,
  `set ${one} `,
  `set ${one} SPEED=F`,
  `wait ${one} `,
  `poke region0 0 [${one.slice(0, 6)}`,
  'set NOPE.NOT_THERE EN',
  'peek region0.NOPE 1 ',
];

function tabs(session: Session): { readonly ms: number; readonly line: string } {
  let worst = { ms: 0, line: '' };
  for (const { nodes, one } of Object.values(shapes)) {
    session.registers.add(map('bench', nodes));
    for (const line of lines(one)) {
      const times = Array.from({ length: TABS }, () => nanoseconds(() => complete(line, session)) / 1e6);
      const ms = times.sort((a, b) => a - b)[TABS >> 1] ?? 0;
      if (ms > worst.ms) worst = { ms, line };
    }
  }
  return worst;
}

export async function run(): Promise<Row[]> {
  const { session } = memfdSession(REGISTERS * 4);
  try {
    await session.registry.loadAll();
    const worst = tabs(session);
    session.registers.add(map('bench', shapes['in a row'].nodes));
    const perLine = (line: (nth: number) => string) => (): number =>
      nanoseconds(() => {
        for (let nth = 0; nth < REGISTERS; nth += 1) void session.execute(line(nth), { prefixes: false });
      }) /
      REGISTERS /
      1000;
    const times = await inTurn(ROUNDS, {
      name: perLine((nth) => `peek region0.FLAT_${nth}_X`),
      offset: perLine((nth) => `peek region0 ${nth * 4}`),
    });
    const [name, offset] = [best(times.name), best(times.offset)];
    return [
      {
        name: `Tab in a map of ${REGISTERS} registers, the worst of ${Object.keys(shapes).length * lines('').length} lines ("${worst.line}")`,
        measured: `${worst.ms.toFixed(2)} ms`,
        limit: atMost(worst.ms, TAB_LIMIT_MS, 'ms'),
      },
      {
        name: `peek of one of ${REGISTERS} registers by name, no line like another; beside its offset`,
        measured: `${name.toFixed(2)} us`,
        reference: `${offset.toFixed(2)} us`,
        ratio: name / offset,
        limit: atMost(name, COMMAND_LIMIT_US, 'us'),
      },
    ];
  } finally {
    session.closeAll();
  }
}
