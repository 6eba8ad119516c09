import type { Cell, Column, TableView, View } from '../views/view.js';
import { type Command, type Effect, type Group, flagName, isToggle } from './command.js';
import { nearest } from '../vfio/nearest.js';
import { clip } from './number.js';
import { usage } from './usage.js';
import type { Registry } from './registry.js';
import { UsageError } from './usage-error.js';

/** The groups in the order in which they are shown, with their titles. */
export const groupTitles: Readonly<Record<Group, string>> = {
  devices: 'Devices',
  access: 'Reading and writing',
  interrupts: 'Interrupts',
  dma: 'DMA and the IOMMU',
  registers: 'Registers',
  scripts: 'Scripts',
  session: 'Session',
};

/** What the effect of a command means to the device. */
const effects: Readonly<Record<Effect, string>> = {
  none: 'does not touch the device',
  read: 'reads the device',
  write: 'writes the device',
  irq: "changes the device's interrupts",
  dma: 'changes what the device can reach by DMA',
  bind: 'changes which driver has the device',
  reset: 'resets the device',
};

/** The language in a few lines: `help language`. */
const language: readonly (readonly [left: string, right: string])[] = [
  ['LOCATION', 'region0 0x100   region0+0x100:16   config.COMMAND   region0.CTRL.EN   0x100 (in the space of `use`)'],
  [
    'width',
    "behind the command (peek.b .w .l .q) or the location (:8 :16 :32 :64); otherwise the register's own, or 32",
  ],
  ['COUNT', 'a number of cells, or bytes with a unit: 16   64B   4K   1M'],
  ['RANGE', 'a..b, from a up to, not including, b'],
  ['VALUE', '0x1f   0b101   0o17   31   1_000   4K   with the operators of C, ( ) and ?:, in unsigned 64 bits'],
  ['', '$name is a variable ($name = VALUE sets it), $_ the last value read, [LOCATION] reads the device'],
  ['VALUE:MASK', 'writes only the bits of the mask'],
  ['FIELD=VALUE', "a field of a register, and a number or the map's name for it: EN=1   SPEED=FAST"],
  [
    'NAME',
    'registers: CTRL   region0.UART*.CR?   UART0 (all in it)   CH.STATUS (of each)   * stands for any characters',
  ],
  ['DURATION', '500us   100ms   1s   2m'],
  [
    'line',
    '; separates commands, # begins a comment, "..." and \'...\' quote, = begins JavaScript, NAME? asks for help',
  ],
  [
    'block',
    'if EXPR ... elif EXPR ... else ... end   repeat N ... end   while EXPR ... end, with ; or on lines of their own',
  ],
  [
    'script',
    '$1 $2 ... are its arguments, $# their number, $0 its path; break and continue leave a loop and go on with it',
  ],
  ['any command', '--json prints JSON, --js the JavaScript that does the same, -n the accesses that it would make'],
];

/** What `help TOPIC` shows: nothing, a command, a group, or the word language. Throws UsageError with the nearest names. */
export async function helpView(registry: Registry, topic?: string): Promise<View> {
  if (topic === undefined) return overview(await registry.loadAll());
  if (topic === 'language') return pairs('The command language', language);
  const group = (Object.keys(groupTitles) as Group[]).find((each) => each === topic);
  if (group !== undefined && !registry.names.includes(topic)) return groupTable(group, await registry.loadAll());
  const name = registry.names.find((each) => each === topic) ?? onlyBeginning(registry.names, topic);
  if (name !== undefined) return commandView(await registry.load(name), registry);
  const followers = registry.subcommands(topic);
  if (followers.length > 0)
    return table(undefined, await Promise.all(followers.map((word) => registry.load(`${topic} ${word}`))));
  const near = nearest(topic, [...registry.names, ...Object.keys(groupTitles), 'language']);
  const hint = near.length === 0 ? 'help lists the commands' : `help ${near[0] ?? ''}`;
  throw new UsageError(`there is no help on "${clip(topic)}"`, undefined, hint);
}

function onlyBeginning(names: readonly string[], topic: string): string | undefined {
  const found = names.filter((name) => name.startsWith(topic));
  return found.length === 1 ? found[0] : undefined;
}

/** What is on the left, and what it is. */
const pairColumns: readonly Column[] = [
  { key: 'left', header: '' },
  { key: 'right', header: '', shrink: true },
];

function namesOf(command: Command): string {
  return [command.name, ...command.aliases].join(', ');
}

function overview(commands: readonly Command[]): View {
  const width = Math.max(...commands.map((command) => namesOf(command).length));
  const groups = (Object.keys(groupTitles) as Group[]).filter((group) =>
    commands.some((command) => command.group === group),
  );
  return {
    kind: 'all',
    views: [
      ...groups.map((group) => groupTable(group, commands, width)),
      {
        kind: 'text',
        prose: true,
        lines: ['', 'help COMMAND (or COMMAND?) tells more of one, help language of LOCATION, COUNT and VALUE.'],
      },
    ],
  };
}

function groupTable(group: Group, commands: readonly Command[], width?: number): TableView {
  return table(
    groupTitles[group],
    commands.filter((command) => command.group === group),
    width,
  );
}

function table(title: string | undefined, commands: readonly Command[], width = 0): TableView {
  return {
    kind: 'table',
    ...(title !== undefined && { title }),
    columns: pairColumns,
    rows: commands.map((command) => ({
      left: [{ text: `  ${namesOf(command).padEnd(width)}`, role: 'name' as const }],
      right: command.summary,
    })),
    data: commands.map(describeCommand),
  };
}

/** A command's declaration as data. */
function describeCommand(command: Command): object {
  const { name, aliases, group, summary, details, effect, needs, examples } = command;
  return { name, aliases, group, summary, usage: usage(command), details, effect, needs, examples };
}

function commandView(command: Command, registry: Registry): View {
  const views: View[] = [
    { kind: 'text', prose: true, lines: [[{ text: usage(command), role: 'heading' }], ...paragraphs(command)] },
  ];
  const parts = [
    ...Object.values(command.arguments).map(({ label, summary }): [string, string] => [label, summary]),
    ...Object.entries(command.flags).map(([key, flag]): [string, string] => [
      isToggle(flag) ? flagName(key) : `${flagName(key)} ${flag.label}`,
      flag.summary,
    ]),
  ];
  if (parts.length > 0) views.push(pairs('Arguments', parts));
  views.push(
    pairs(
      'Examples',
      command.examples.map(({ line, says }) => [line, says]),
    ),
  );
  const followers = registry.subcommands(command.name);
  const also = followers.map((word) => `${command.name} ${word}`);
  if (also.length > 0) views.push({ kind: 'text', prose: true, lines: ['', `See also: ${also.join(', ')}`] });
  return { kind: 'all', views };
}

function paragraphs(command: Command): Cell[] {
  const lines: Cell[] = [`${command.name}: ${command.summary}; ${effects[command.effect]}`];
  if (command.aliases.length > 0) lines.push(`Also called ${command.aliases.join(', ')}.`);
  if (command.details !== undefined) lines.push(...command.details.split('\n'));
  return lines;
}

function pairs(title: string, rows: readonly (readonly [left: string, right: string])[]): View {
  return {
    kind: 'table',
    title,
    columns: pairColumns,
    rows: rows.map(([left, right]) => ({ left: [{ text: `  ${left}`, role: 'name' }], right })),
    data: rows.map(([left, right]) => ({ left, right })),
  };
}
