import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandLineHelp, parseCommandLine } from '../../src/repl/cli.js';
import { UsageError } from '../../src/repl/usage-error.js';

test('-c and -x keep their order', () => {
  const request = parseCommandLine(['-c', 'a', '-x', 'b.vfio', '--command=c', 'sim:edu', '-cd']);
  assert.ok(request.kind === 'session');
  assert.equal(request.device, 'sim:edu');
  assert.deepEqual(
    request.steps.map((step) => (step.kind === 'command' ? step.line : `@${step.path}`)),
    ['a', '@b.vfio', 'c', 'd'],
  );
});

test('no word at all is a prompt without a device', () => {
  assert.deepEqual(parseCommandLine([]), {
    kind: 'session',
    device: undefined,
    steps: [],
    interactive: false,
    tui: 'never',
    parameters: [],
    json: false,
    js: false,
    readOnly: false,
    dryRun: false,
    keepGoing: false,
    report: undefined,
    via: undefined,
    dtb: undefined,
    timeoutMs: undefined,
    profile: undefined,
    colour: true,
  });
});

test('what stands behind -- are the arguments of scripts', () => {
  const request = parseCommandLine(['-x', 'a.vfio', 'sim:edu', '--', '-k', '0x10', '--', 'b c']);
  assert.ok(request.kind === 'session');
  assert.deepEqual([request.device, request.keepGoing], ['sim:edu', false]);
  assert.deepEqual(request.parameters, ['-k', '0x10', '--', 'b c']);
});

test('a report is asked for by --tap, --junit or both', () => {
  const request = parseCommandLine(['--tap', '--bail', '--junit', 'a.xml', '-x', 'a.vfio', 'sim:edu']);
  assert.deepEqual(request.kind === 'session' && request.report, { tap: true, junit: 'a.xml', bail: true });
});

test('--tui opens the full screen; --tui=auto only where there can be one', () => {
  const tui = (...words: string[]): unknown => {
    const request = parseCommandLine(words);
    return request.kind === 'session' && request.tui;
  };
  assert.equal(tui('--tui', 'sim:edu'), 'always');
  assert.equal(tui('--tui=auto', 'sim:edu'), 'auto');
  assert.throws(() => tui('--tui=yes', 'sim:edu'), /takes no value but auto/);
  assert.throws(() => tui('--json=yes', 'sim:edu'), /takes no value$/);
});

test('every switch arrives', () => {
  const request = parseCommandLine(
    '-i -n -k --json --js --read-only --no-color --via cdev --dtb board.dtb --timeout 250ms --profile ./mine.json 0000:01:00.0'.split(
      ' ',
    ),
  );
  assert.deepEqual(request, {
    kind: 'session',
    device: '0000:01:00.0',
    steps: [],
    interactive: true,
    tui: 'never',
    parameters: [],
    json: true,
    js: true,
    readOnly: true,
    dryRun: true,
    keepGoing: true,
    report: undefined,
    via: 'cdev',
    dtb: 'board.dtb',
    timeoutMs: 250,
    profile: './mine.json',
    colour: false,
  });
});

test('serve, help and version', () => {
  assert.deepEqual(parseCommandLine(['serve', 'sim:edu', '--socket', '/tmp/s']), {
    kind: 'serve',
    model: 'edu',
    socket: '/tmp/s',
  });
  assert.deepEqual(parseCommandLine(['--help', 'sim:edu']), { kind: 'help' });
  assert.deepEqual(parseCommandLine(['--version']), { kind: 'version' });
});

test('commands that need no device are words of the shell: what follows is theirs, but for switches of the session', () => {
  const lineOf = (...argv: string[]): string => {
    const request = parseCommandLine(argv);
    assert.ok(request.kind === 'session' && request.device === undefined);
    return request.steps.map((step) => (step.kind === 'command' ? step.line : step.path)).join(' | ');
  };
  assert.equal(lineOf('list'), 'list');
  assert.equal(lineOf('devices', 'pci', '--ready', "b'a d"), 'devices pci --ready "b\'a d"');
  assert.equal(lineOf('list', '--help'), 'help list');
  assert.equal(lineOf('-c', 'sleep 1ms', 'list', '--via', 'cdev'), 'list --via cdev | sleep 1ms');
  const list = parseCommandLine(['list', 'pci', '--json', '-n']);
  assert.ok(list.kind === 'session' && list.json && list.dryRun);
  assert.deepEqual(list.steps, [{ kind: 'command', line: 'list pci' }]);
});

test('what is wrong says what to do', () => {
  const cases: [argv: string[], message: RegExp, hint?: RegExp][] = [
    [['--jsno'], /no option --jsno/, /--json/],
    [['-z'], /no option -z/, /--help/],
    [['-c'], /-c needs a value/],
    [['--json=1'], /takes no value/],
    [['sim:edu', 'peek'], /one word too many/, /-c 'peek' sim:edu/],
    [['--via', 'magic'], /no way in/, /group or --via cdev/],
    [['--timeout', '5'], /no duration/, /5s/],
    [['--timeout', '5s', '--timeout', '6s'], /given twice/],
    [['serve'], /needs a simulated device/],
    [['serve', 'sim:edu'], /needs --socket/],
    [['serve', '0000:01:00.0', '--socket', 'x'], /cannot serve/],
    [['--socket', 'x', 'sim:edu'], /--socket is for serve/],
    [[''], /DEVICE is empty/],
    [['--bail', '-x', 'a', 'sim:edu'], /--bail is for --tap and --junit/],
    [['--bail', '--tap', '-k', 'sim:edu'], /--bail ends at the first failure, -k goes on/],
    [['--junit=', 'sim:edu'], /--junit needs a file/],
    [['--', 'sim:edu'], /arguments of a script/, /-x SCRIPT DEVICE --/],
  ];
  for (const [argv, message, hint] of cases) {
    assert.throws(
      () => parseCommandLine(argv),
      (error) => {
        assert.ok(error instanceof UsageError, String(error));
        assert.match(error.message, message);
        if (hint) assert.match(error.hint ?? '', hint);
        return true;
      },
    );
  }
});

test('--help speaks of every option', () => {
  for (const option of [
    '-c',
    '-x',
    '-i',
    '--json',
    '--read-only',
    '-n',
    '-k',
    '--via',
    '--dtb',
    '--socket',
    '--version',
  ]) {
    assert.ok(commandLineHelp().includes(option), option);
  }
  for (const line of commandLineHelp().split('\n')) assert.ok(line.length <= 120, line);
});
