import { parseArgs } from 'node:util';
import { parseDuration } from './duration.js';
import { didYouMean } from './did-you-mean.js';
import { clip } from './number.js';
import { quoted } from './quoted.js';
import { UsageError } from './usage-error.js';

/** One -c or -x, in the order in which they were given. */
export type Step =
  | { readonly kind: 'command'; readonly line: string }
  | { readonly kind: 'script'; readonly path: string };

export interface SessionRequest {
  readonly kind: 'session';
  readonly device: string | undefined;
  readonly steps: readonly Step[];
  /** A prompt after the steps, whatever standard input is. */
  readonly interactive: boolean;
  /** What stands behind `--`: $1, $2 and so on in every step. */
  readonly parameters: readonly string[];
  /** The full screen in place of the prompt; 'auto' only where the terminal can show one. */
  readonly tui: 'never' | 'auto' | 'always';
  readonly json: boolean;
  readonly js: boolean;
  readonly readOnly: boolean;
  readonly dryRun: boolean;
  readonly keepGoing: boolean;
  /** A report of every expectation, if one is wanted. */
  readonly report: { readonly tap: boolean; readonly junit: string | undefined; readonly bail: boolean } | undefined;
  readonly via: 'group' | 'cdev' | undefined;
  /** The file of a device tree blob to use in place of the kernel's. */
  readonly dtb: string | undefined;
  /** Milliseconds. */
  readonly timeoutMs: number | undefined;
  /** A name, a file, or 'none'. */
  readonly profile: string | undefined;
  readonly colour: boolean;
}

/** What the command line asks for. */
export type Request =
  | SessionRequest
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'serve'; readonly model: string; readonly socket: string };

/** Every option of the command line: what parseArgs needs, and what --help says. */
const options = {
  command: { type: 'string', short: 'c', multiple: true, label: 'COMMAND', says: 'run a command; may be given again' },
  script: {
    type: 'string',
    short: 'x',
    multiple: true,
    label: 'SCRIPT',
    says: 'run a script (.vfio, .mjs), or with - the lines of standard input; may be given again',
  },
  interactive: { type: 'boolean', short: 'i', says: 'go on to the prompt afterwards' },
  tui: {
    type: 'boolean',
    value: 'auto',
    says: 'open the full screen, the prompt among its panes; =auto: where the terminal can show it',
  },
  json: { type: 'boolean', says: 'print each answer as one line of JSON' },
  js: { type: 'boolean', says: 'print the JavaScript that does the same, and do nothing' },
  'read-only': { type: 'boolean', says: 'refuse everything that changes the device' },
  'dry-run': { type: 'boolean', short: 'n', says: 'show the accesses that would be made, and make none' },
  'keep-going': { type: 'boolean', short: 'k', says: 'go on after a command that failed' },
  tap: { type: 'boolean', says: 'report every expectation of -c and -x in TAP; what is shown becomes comments' },
  junit: { type: 'string', label: 'FILE', says: 'write a report of every expectation in JUnit XML' },
  bail: { type: 'boolean', says: 'with --tap and --junit: end at the first expectation that does not hold' },
  via: { type: 'string', label: 'group|cdev', says: "the kernel's way in; by default cdev where there is /dev/iommu" },
  dtb: { type: 'string', label: 'FILE', says: "the device tree to find the device in; by default the kernel's" },
  profile: {
    type: 'string',
    label: 'NAME|FILE',
    says: "the device's profile, or none; by default the one that fits. A .mjs is code that runs",
  },
  timeout: { type: 'string', label: 'DURATION', says: 'how long a vfio-user server may take to answer (5s)' },
  'no-color': { type: 'boolean', says: 'no colours; so does NO_COLOR' },
  socket: { type: 'string', label: 'PATH', says: 'with serve: the socket to make' },
  version: { type: 'boolean', says: 'print the version' },
  help: { type: 'boolean', short: 'h', says: 'print this' },
} as const;

type OptionKey = keyof typeof options;
const optionKeys = Object.keys(options) as OptionKey[];

/** Commands that the shell can give as words of their own, since they need no device to be open: `vfiodbg doctor 01:00.0`. */
const shellCommands: ReadonlySet<string> = new Set(['devices', 'list', 'doctor', 'bind', 'release', 'dt']);

/** Reads the command line. Throws UsageError; what it underlines is the command line as typed, joined by spaces. */
export function parseCommandLine(argv: readonly string[]): Request {
  const { tokens } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: false, tokens: true });
  const values = new Map<OptionKey, string>();
  const steps: Step[] = [];
  const positionals: string[] = [];
  let terminated = false;
  const parameters: string[] = [];
  const given = tokens.find(({ kind }) => kind === 'positional' || kind === 'option-terminator');
  const command = given?.kind === 'positional' && shellCommands.has(given.value) ? given : undefined;
  const words = command === undefined ? [] : [...argv.keys()].slice(command.index);
  for (const token of tokens) {
    if (command !== undefined && token.index >= command.index) {
      // What follows is the command's own, but for what can be said of any: --json, -n.
      if (token.kind === 'option' && isSwitch(token.name) && !/^-\w\w/.test(argv[token.index] ?? '')) {
        values.set(token.name, '');
        words.splice(words.indexOf(token.index), 1);
      }
      continue;
    }
    if (token.kind === 'option-terminator') terminated = true;
    if (token.kind === 'positional') (terminated ? parameters : positionals).push(token.value);
    if (token.kind !== 'option') continue;
    const key = optionKeys.find((each) => each === token.name);
    if (key === undefined) throw unknownOption(token.rawName);
    const wantsValue = options[key].type === 'string';
    if (wantsValue && token.value === undefined)
      throw new UsageError(`${token.rawName} needs a value`, undefined, hintFor(key));
    const known = optionalValueOf(key);
    if (!wantsValue && token.value !== undefined && token.value !== known) throw needlessValue(token.rawName, known);
    if (key === 'command') steps.push({ kind: 'command', line: token.value ?? '' });
    else if (key === 'script' && token.value === '') throw new UsageError('-x needs a script', undefined, '-x SCRIPT');
    else if (key === 'script') steps.push({ kind: 'script', path: token.value ?? '' });
    else if (values.has(key) && wantsValue) throw new UsageError(`${token.rawName} is given twice`);
    else values.set(key, token.value ?? '');
  }
  if (command !== undefined) {
    const typed = words.map((index) => quoted(argv[index] ?? ''));
    steps.unshift({ kind: 'command', line: values.has('help') ? `help ${command.value}` : typed.join(' ') });
  } else if (values.has('help')) return { kind: 'help' };
  if (values.has('version')) return { kind: 'version' };
  if (positionals[0] === 'serve') return serveRequest(positionals, values, steps);
  if (values.has('socket'))
    throw new UsageError('--socket is for serve', undefined, 'vfiodbg serve sim:edu --socket PATH');
  const [device, extra] = positionals;
  if (extra !== undefined) {
    const hint = `one device at a time; commands come with -c: vfiodbg -c '${clip(positionals.slice(1).join(' '))}' ${clip(device ?? '')}`;
    throw new UsageError(`"${clip(extra)}" is one word too many`, undefined, hint);
  }
  if (terminated && steps.length === 0 && device === undefined)
    throw new UsageError('-- stands before the arguments of a script', undefined, 'vfiodbg -x SCRIPT DEVICE -- ARG...');
  if (device === '') throw new UsageError('DEVICE is empty', undefined, 'vfiodbg sim:edu');
  return {
    kind: 'session',
    device,
    steps,
    interactive: values.has('interactive'),
    parameters,
    tui: !values.has('tui') ? 'never' : values.get('tui') === 'auto' ? 'auto' : 'always',
    json: values.has('json'),
    js: values.has('js'),
    readOnly: values.has('read-only'),
    dryRun: values.has('dry-run'),
    keepGoing: values.has('keep-going'),
    report: reportOf(values),
    via: viaOf(values.get('via')),
    dtb: values.get('dtb'),
    timeoutMs: timeoutOf(values.get('timeout')),
    profile: profileOf(values.get('profile')),
    colour: !values.has('no-color'),
  };
}

/** Whether the option takes no value, and is not one of a command's that has the same name. */
function isSwitch(name: string): name is OptionKey {
  return optionKeys.some((key) => key === name && options[key].type === 'boolean');
}

function serveRequest(
  positionals: readonly string[],
  values: ReadonlyMap<OptionKey, string>,
  steps: readonly Step[],
): Request {
  const hint = 'vfiodbg serve sim:edu --socket PATH';
  const [, device, extra] = positionals;
  const socket = values.get('socket');
  if (device === undefined) throw new UsageError('serve needs a simulated device', undefined, hint);
  if (!device.startsWith('sim:')) throw new UsageError(`serve cannot serve "${clip(device)}"`, undefined, hint);
  if (extra !== undefined) throw new UsageError(`"${clip(extra)}" is one word too many`, undefined, hint);
  if (socket === undefined || socket === '') throw new UsageError('serve needs --socket', undefined, hint);
  if (steps.length > 0) throw new UsageError('serve runs no commands', undefined, hint);
  return { kind: 'serve', model: device.slice(4), socket };
}

function reportOf(values: ReadonlyMap<OptionKey, string>): SessionRequest['report'] {
  const [tap, junit, bail] = [values.has('tap'), values.get('junit'), values.has('bail')];
  if (junit === '') throw new UsageError('--junit needs a file', undefined, '--junit FILE');
  if (bail && values.has('keep-going')) throw new UsageError('--bail ends at the first failure, -k goes on after it');
  if (tap || junit !== undefined) return { tap, junit, bail };
  if (bail) throw new UsageError('--bail is for --tap and --junit: without them a failure ends it anyway');
  return undefined;
}

function viaOf(text: string | undefined): 'group' | 'cdev' | undefined {
  if (text === undefined || text === 'group' || text === 'cdev') return text;
  throw new UsageError(`"${clip(text)}" is no way in`, undefined, '--via group or --via cdev');
}

function profileOf(text: string | undefined): string | undefined {
  if (text === '') throw new UsageError('the profile has no name', undefined, '--profile edu, --profile ./mine.json');
  return text;
}

function timeoutOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const parsed = parseDuration(text);
  if (parsed !== undefined && parsed >= 1) return parsed;
  throw new UsageError(`"${clip(text)}" is no duration`, undefined, '--timeout 500ms or --timeout 5s');
}

function unknownOption(name: string): UsageError {
  const names = optionKeys.map((key) => `--${key}`);
  return new UsageError(
    `there is no option ${clip(name)}`,
    undefined,
    didYouMean(name, names) ?? 'vfiodbg --help lists them',
  );
}

/** What a switch may be given as a value all the same. */
function optionalValueOf(key: OptionKey): string | undefined {
  const option = options[key];
  return 'value' in option ? option.value : undefined;
}

function needlessValue(name: string, known: string | undefined): UsageError {
  if (known === undefined) return new UsageError(`${name} takes no value`);
  return new UsageError(`${name} takes no value but ${known}`, undefined, `${name}, or ${name}=${known}`);
}

function hintFor(key: OptionKey): string {
  const option = options[key];
  return 'label' in option ? `--${key} ${option.label}` : `--${key}`;
}

/** What --help prints. */
export function commandLineHelp(): string {
  const rows = optionKeys.map((key): [string, string] => {
    const option = options[key];
    const value = 'value' in option ? `[=${option.value}]` : '';
    const long = 'label' in option ? `--${key} ${option.label}` : `--${key}${value}`;
    return ['short' in option ? `-${option.short}, ${long}` : `    ${long}`, option.says];
  });
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    'vfiodbg [OPTION]... [DEVICE] [-- ARG]...  open a device, at the prompt or for -c and -x; ARGs are $1, $2 ... there',
    'vfiodbg serve sim:MODEL --socket PATH     serve a simulated device over vfio-user',
    'vfiodbg list [FILTER]...                  list the devices of this machine',
    'vfiodbg doctor [DEVICE]                   check all that opening a device needs',
    '',
    'DEVICE: 0000:01:00.0 or 01:00.0, a platform or AMBA name (9010000.pl031), /path/to.sock or unix:PATH,',
    '        sim:edu, sim:pl031 or sim:sram, snapshot:FILE',
    '',
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
    '',
    'Exit codes: 0 done, 1 a command failed, 2 usage, 3 an expectation failed, 4 no such device or no way in,',
    '130 interrupted. Without -c and -x, commands come from the prompt, or from standard input if that is no terminal.',
    '',
  ].join('\n');
}
