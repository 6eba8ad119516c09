import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bindToVfio, driverOf, findPci, unbind } from './bind.js';
import { refusal } from './refusal.js';
import { Tool, vfiodbg } from './tool.js';

/** The first edu stands alone; behind a bridge without ACS, the other and a serial port share a group. */
const [edu = '', inGroup = ''] = findPci(0x1234, 0x11e8);
const [neighbour = ''] = findPci(0x1b36, 0x0002);
const [port = ''] = findPci(0x1b36, 0x0003);

describe('a device that cannot be opened: error, why, and what to try; exit code 4', () => {
  it('not there', async () => {
    await refusal(['0000:00:1f.7'], {
      error: 'open 0000:00:1f.7',
      why: /no such device/,
      hint: /00:/,
    });
  });

  it('bound to nothing', async () => {
    unbind('pci', edu);
    await refusal([edu], {
      error: `open ${edu}`,
      why: /no driver is bound to it; VFIO needs vfio-pci/,
      hint: /vfiodbg bind/,
    });
  });

  it('bound to another driver', async () => {
    assert.equal(driverOf('pci', port), 'serial');
    await refusal([port], {
      error: `open ${port}`,
      why: /bound to the driver serial and not to vfio-pci/,
      hint: /vfiodbg bind/,
    });
  });

  it('in a group with others that have drivers', async () => {
    bindToVfio('pci', inGroup);
    for (const via of ['group', 'cdev']) {
      await refusal(['--via', via, inGroup], {
        error: `open ${inGroup}`,
        why: new RegExp(`not viable: ${neighbour} \\(serial\\)`),
        hint: /--whole-group/,
      });
    }
    unbind('pci', inGroup);
  });

  it('in use', async () => {
    bindToVfio('pci', edu);
    using first = new Tool(['-i', edu]);
    first.type('peek region0 0x0');
    await first.printed('stdout', /0x010000ed/);
    for (const via of ['group', 'cdev']) {
      await refusal(['--via', via, edu], { error: ` ${edu}: E`, why: /node \(process \d+\)/, hint: /./ });
    }
    first.type('peek region0 0x4');
    first.type('quit');
    assert.equal((await first.ended()).code, 0);
  });
});

const OFF = 'poke.w config 0x4 0:0x2';
const ON = 'poke.w config 0x4 2:2';

function fault(what: string, errno: string): string {
  const head = `error: ${what} (32 bits) of ${edu}: ${errno}`;
  return `${head}\n  why: memory decode is off (COMMAND bit 1)\n  try: poke.w config 0x4 0x2:0x2\n`;
}

describe('memory decode off', () => {
  for (const via of ['group', 'cdev']) {
    for (const [path, errno] of [
      ['mapped', 'SIGBUS'],
      ['file', 'EIO'],
    ] as const) {
      it(`by ${via}, ${path}: each access says so, and with -k the session goes on, exit code 1`, async () => {
        bindToVfio('pci', edu);
        const lines = [
          `option mmap ${path === 'file' ? 'off' : 'on'}`,
          'peek region0 0x0',
          OFF,
          'peek region0 0x0',
          'poke region0 0x4 0x4',
          'dump region0 0x0 32B',
          'expect region0 0x0 == 0',
          'wait region0 0x0 == 0',
          ON,
          'peek region0 0x0',
        ];
        const { code, stdout, stderr } = await vfiodbg('-k', '--via', via, ...commands(lines), edu);
        assert.equal(code, 1, stderr);
        assert.deepEqual(stdout.split('\n').slice(-9, -1), [
          'region0.ID (region0+0x0): 0x010000ed',
          'config.COMMAND (config+0x4): 0x0103 -> (0x0:0x2) -> 0x0101',
          '00000000: -- -- -- -- -- -- -- --  -- -- -- -- -- -- -- --  |................|',
          '*',
          '00000020',
          `unreadable region0 0x0..0x20: ${errno}: memory decode is off (COMMAND bit 1)`,
          'config.COMMAND (config+0x4): 0x0101 -> (0x2:0x2) -> 0x0103',
          'region0.ID (region0+0x0): 0x010000ed',
        ]);
        const [read, written] = [fault('read region0+0x0', errno), fault('write region0+0x4', errno)];
        assert.equal(stderr, [read, written, read, read].join(''));
      });
    }
  }

  it('without -k a script ends there', async () => {
    const { code, stdout, stderr } = await vfiodbg(...commands([OFF, 'peek region0 0x0', 'echo never']), edu);
    assert.equal(code, 1, stderr);
    assert.doesNotMatch(stdout, /never/);
    assert.equal(stderr, fault('read region0+0x0', 'SIGBUS'));
  });

  it('at the prompt it is an answer like others, exit code 0', async () => {
    using tool = new Tool(['-i', edu]);
    for (const line of [OFF, 'peek region0 0x0', ON, 'peek region0 0x0', 'quit']) tool.type(line);
    const { code, stdout, stderr } = await tool.ended();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /region0\.ID \(region0\+0x0\): 0x010000ed/);
    assert.equal(stderr, fault('read region0+0x0', 'SIGBUS'));
  });
});

function commands(lines: readonly string[]): string[] {
  return lines.flatMap((line) => ['-c', line]);
}
