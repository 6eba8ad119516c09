import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { VfioError } from '../../src/vfio/errors.js';
import { openDevice } from '../../src/vfio/open.js';
import { allProfiles, namedProfile } from '../../src/vfio/profile/catalog.js';
import { resolveProfile } from '../../src/vfio/profile/resolve.js';
import { useProfile } from '../../src/vfio/profile/use.js';
import { ProfileFolder } from './profile-fixture.js';

const folder = new ProfileFolder();
const written: string[] = [];
afterEach(() => {
  for (const name of written.splice(0)) folder.remove(name);
});

function write(name: string, content: string | object): string {
  written.push(name);
  return folder.write(name, content);
}

/** What refuses the profile in `content`. */
async function refusal(name: string, content: string | object): Promise<string> {
  const path = write(name, content);
  try {
    await namedProfile(path);
  } catch (error) {
    assert.ok(error instanceof VfioError, String(error));
    return error.details.why;
  }
  return 'nothing';
}

test('what is wrong with a file is said by its place', async () => {
  const wrong: [object | string, RegExp][] = [
    ['{\n  "match": {"pci": "1234:11e8"},\n  "notes": [1 2]\n}', /^wrong\.json:3:15: /],
    ['', /^wrong\.json:1:1: /],
    [[], /an object is expected/],
    ['{\n  "regions": {"region0": "a", "region0": "b"}\n}', /^wrong\.json:2:31: "region0" is there already, at 2:15$/],
    [{ cautoins: [] }, /^cautoins: there is no such key; did you mean cautions\?$/],
    [{ match: { pci: '1234' } }, /^match\[0\]: pci: "1234" is no PCI id/],
    [
      { match: [{ pci: '1234:11e8' }, { clas: '02*' }] },
      /^match\[1\]\.clas: there is no such key; did you mean class\?/,
    ],
    [{ regions: { region0: 'a b' } }, /^regions\.region0: "a b" is no name/],
    [{ cautions: [{ space: 'region0', offset: '0x4' }] }, /^cautions\[0\]\.reason: it is missing$/],
    [{ cautions: [{ space: 'region0', offset: '4k', reason: 'x' }] }, /^cautions\[0\]\.offset: "4k" is no number/],
    [{ registers: { regs: [] } }, /^registers\[0\]\.name: it is missing; registers\[0\]\.registers: it is missing$/],
    [{ registers: [{ file: 'x.svd', perpheral: 'A' }] }, /^registers\[0\]\.perpheral: .*did you mean peripheral/],
    [{ scripts: { go: { lines: ['peek ID'], file: 'go.vfio' } } }, /^scripts\.go: it has lines, a file or/],
    [{ architecture: 'z80' }, /^architecture: there is no such architecture: it is one of x86-64, /],
    [{ guest: { clocks: [{ name: 'apb_pclk' }] } }, /^guest\.clocks\[0\]\.hertz: it is missing$/],
  ];
  for (const [content, why] of wrong) {
    const told = await refusal('wrong.json', content);
    // Each mistake has its line and column before it; the places are looked at below.
    const bare = typeof content === 'string' ? told : told.replaceAll(/wrong\.json:\d+:\d+: /g, '');
    assert.match(bare, why);
  }
});

test('every mistake has its line and column, with comments and a single match as well', async () => {
  const lines = [
    '{ // a board',
    '  "match": { "pci": "1234" },',
    '  "cautions": [',
    '    { "space": "region0", "offset": "4k", "reason": "x" },',
    '    { "space": "region0" },',
    '  ],',
    '  "note": []',
    '}',
  ];
  assert.deepEqual(
    (await refusal('placed.json', lines.join('\n'))).split('; ').map((each) => each.slice(0, 36)),
    [
      'placed.json:2:3: match[0]: pci: "123',
      'placed.json:4:27: cautions[0].offset',
      'placed.json:5:5: cautions[1].reason:',
      'placed.json:7:3: note: there is no s',
      'did you mean notes?',
    ],
  );
});

test('a module that is none says why', async () => {
  assert.match(await refusal('none.mjs', 'export const profile = {};'), /exports no profile: export default/);
  assert.match(
    await refusal('throws.mjs', "\n\nthrow new Error('no luck');"),
    /^throws\.mjs:3: its code fails: no luck$/,
  );
  assert.match(
    await refusal('getter.mjs', "export default {\n  get registers() { throw new Error('no luck'); },\n};"),
    /^getter\.mjs:2: its code fails: no luck$/,
  );
  assert.match(await refusal('syntax.mjs', '\nexport default {'), /^its code fails: Unexpected end of input/);
  assert.match(
    await refusal('wrong.mjs', 'export default { mach: [] };'),
    /mach: there is no such key; did you mean match/,
  );
});

test('what is no plain file is not waited for', async () => {
  const pipe = join(folder.path, 'pipe.json');
  execFileSync('mkfifo', [pipe, `${pipe}.mjs`]);
  written.push('pipe.json', 'pipe.json.mjs');
  for (const path of [pipe, `${pipe}.mjs`, '/dev/zero', folder.path]) {
    await assert.rejects(namedProfile(path.includes('.') ? path : `${path}/`), VfioError, path);
  }
  await assert.rejects(namedProfile('/nowhere/x.json'), /there is no such file/);
});

test("the user's own profile comes before one that ships, and a more exact one before both", async () => {
  write('mine.json', { title: 'my edu', match: { pci: '1234:11e8' }, regions: { region0: 'mine' } });
  {
    using device = await openDevice('sim:edu');
    assert.equal(device.profile?.name, 'mine');
    assert.equal(device.findSpace('mine'), device.region(0));
    assert.deepEqual(device.registers.registers, []);
  }
  write('class.json', { match: { class: '00*' } });
  write('other.mjs', "export default { match: { pci: '1234:11e8:1af4:1100' }, includes: ['edu'] };");
  using device = await openDevice('sim:edu');
  assert.equal(device.profile?.name, 'other');
  assert.equal(device.findSpace('mine'), undefined);
  assert.notEqual(device.registers.find('LIVE').length, 0);
});

test('a profile of the name of one that ships stands in its place, and may include it', async () => {
  write('edu.json', {
    match: { pci: '1234:11e8' },
    includes: ['edu'],
    registers: { name: 'more', registers: [{ name: 'SPARE', offset: '0x10' }] },
  });
  using device = await openDevice('sim:edu');
  assert.match(device.profile?.file ?? '', /edu\.json$/);
  assert.deepEqual(device.profile?.includes, ['pci', 'edu']);
  assert.deepEqual(
    device.registers.maps.map(({ name }) => name),
    ['config', 'edu', 'more'],
  );
  assert.equal(device.registers.find('SPARE')[0]?.offset, 0x10);
});

test('profiles that include each other, or what is not there, are refused', async () => {
  write('one.json', { includes: ['two'] });
  write('two.json', { includes: ['one'] });
  write('three.json', { includes: ['nothing'] });
  await assert.rejects(resolveProfile(await namedProfile('one')), /one includes two includes one/);
  await assert.rejects(
    resolveProfile(await namedProfile('three')),
    /include profile nothing in three: there is no profile/,
  );
});

test('a broken profile is a warning where nobody named it, and an error where somebody did', async () => {
  write('broken.json', '{');
  write('map.json', { match: { pci: '1234:11e8' }, registers: { name: 'a b', registers: [] } });
  {
    using device = await openDevice('sim:edu');
    assert.equal(device.profile?.name, 'edu');
    assert.equal(device.warnings.length, 2);
    assert.match(device.warnings.join('\n'), /broken\.json:1:2: [^]*"a b" is no name/);
  }
  await assert.rejects(openDevice('sim:edu', { profile: 'map' }), VfioError);
  await assert.rejects(openDevice('sim:edu', { profile: 'broken' }), /broken\.json/);
  await assert.rejects(openDevice('sim:edu', { profile: 'edo' }), (error: unknown) => {
    return error instanceof VfioError && error.details.hint === 'did you mean edu?';
  });
});

test('a profile that is named is used though it is for other devices, with what it is for and what this one is', async () => {
  const other = write('other.json', {
    match: [{ pci: '8086:10d3' }, { class: '0108??' }],
    regions: { region0: 'ctrl' },
  });
  {
    using device = await openDevice('sim:edu', { profile: other });
    assert.equal(device.profile?.name, 'other');
    assert.equal(device.findSpace('ctrl'), device.region(0));
    assert.deepEqual(device.profileWarnings, [
      'profile other is for pci 8086:10d3; or class 0108??, and this device is pci 1234:11e8:1af4:1100, class 00ff00: it is used all the same',
    ]);
    await useProfile(device, 'edu');
    assert.deepEqual(device.profileWarnings, [], 'it is for this one');
    await useProfile(device, write('any.json', { regions: { region0: 'x' } }));
    assert.deepEqual(device.profileWarnings, [], 'it is for none by itself');
  }
  write('other.json', { match: { compatible: 'arm,pl011' } });
  using device = await openDevice('sim:pl031');
  await useProfile(device, other);
  assert.deepEqual(device.profileWarnings, [], 'it has no node: nothing is known that would be otherwise');
});

test('what of a profile does not fit the device is left out and told', async () => {
  const path = write('odd.json', {
    regions: { region0: ['ctrl', 'config'], region5: 'far' },
    interrupts: { irq7: 'never', intx: 'line' },
    registers: [
      {
        name: 'a',
        registers: [
          { name: 'HERE', offset: 0, readEffect: 'clear' },
          { name: 'BEYOND', offset: '0x100000' },
        ],
      },
      { name: 'b', space: 'region5', registers: [] },
      { name: 'c', registers: [{ name: 'BAD', offset: 'x' }] },
    ],
    cautions: [
      { space: 'region5', reason: 'not there' },
      { space: 'ctrl', offset: '0x80', size: '0x20', reason: 'DMA' },
    ],
  });
  using device = await openDevice('sim:edu', { profile: path });
  const told = device.warnings.join('\n');
  for (const part of [
    /config: the name is taken/,
    /region5/,
    /irq7/,
    /region0\.BEYOND: .*past the end of region0/,
    /BAD: offset/,
  ]) {
    assert.match(told, part);
  }
  assert.ok(device.warnings.every((warning) => warning.startsWith('profile odd: ')));
  assert.equal(device.findSpace('ctrl'), device.region(0));
  assert.deepEqual(device.irqs.intx.names, ['intx', 'line']);
  assert.deepEqual(
    device.registers.cautionsIn('region0', 0, 0x1000).map(({ start, end }) => [start, end]),
    [
      [0x00, 0x04],
      [0x80, 0xa0],
    ],
  );
});

test('a module that others may write to does not run by itself', async () => {
  const path = write('open.mjs', "globalThis.profileRan = true; export default { match: { bus: 'pci' } };");
  chmodSync(path, 0o666);
  const { profiles, problems } = await allProfiles();
  assert.match(problems.join(), /open\.mjs: others may write to it/);
  assert.ok(!('profileRan' in globalThis));
  assert.ok(profiles.every(({ name }) => name !== 'open'));
  chmodSync(path, 0o644);
  assert.deepEqual((await allProfiles()).problems, []);
  assert.ok('profileRan' in globalThis);
});

test('a module that was changed is read anew', async () => {
  const title = async (): Promise<string | undefined> => (await namedProfile('again')).title;
  write('again.mjs', "export default { title: 'first' };");
  assert.equal(await title(), 'first');
  await new Promise((resolve) => setTimeout(resolve, 10));
  folder.write('again.mjs', "export default { title: 'second' };");
  assert.equal(await title(), 'second');
});

const svd = `<?xml version="1.0"?><device><name>chip</name><addressUnitBits>8</addressUnitBits><width>32</width><size>32</size><access>read-write</access>
  <peripherals>
    <peripheral><name>UART</name><baseAddress>0x40000000</baseAddress><registers>
      <register><name>CTRL</name><addressOffset>0x0</addressOffset></register>
      <register><name>DATA</name><addressOffset>0x4</addressOffset><readAction>modifyExternal</readAction></register>
    </registers></peripheral>
    <peripheral><name>TIMER</name><baseAddress>0x40000100</baseAddress><registers>
      <register><name>COUNT</name><addressOffset>0x8</addressOffset></register>
    </registers></peripheral>
    <peripheral><name>FAR</name><baseAddress>0x50000000</baseAddress><registers>
      <register><name>X</name><addressOffset>0x0</addressOffset></register>
    </registers></peripheral>
  </peripherals></device>`;

test('a profile names a peripheral of a CMSIS-SVD file, or a window of the chip', async () => {
  write('chip.svd', svd);
  const places = async (registers: object): Promise<string[]> => {
    const path = write('chip.json', { regions: { region0: 'mmio' }, registers: { file: 'chip.svd', ...registers } });
    using device = await openDevice('sim:edu', { profile: path });
    assert.deepEqual(device.warnings, []);
    return device.registers.registers.map(
      ({ space, path: name, offset }) => `${space}+0x${offset.toString(16)} ${name}`,
    );
  };
  assert.deepEqual(await places({ peripheral: 'UART', at: 'mmio+0x1000' }), [
    'region0+0x1000 CTRL',
    'region0+0x1004 DATA',
  ]);
  assert.deepEqual(await places({ peripheral: 'TIMER', as: 'T0' }), ['region0+0x8 T0.COUNT']);
  assert.deepEqual(await places({ base: '0x40000000' }), [
    'region0+0x0 UART.CTRL',
    'region0+0x4 UART.DATA',
    'region0+0x108 TIMER.COUNT',
  ]);
  const path = write('chip.json', { registers: { file: 'chip.svd' } });
  await assert.rejects(openDevice('sim:edu', { profile: path }), /3 peripherals: which is the device/);
  write('chip.json', { registers: { file: 'nowhere.svd' } });
  await assert.rejects(openDevice('sim:edu', { profile: path }), /nowhere\.svd/);
  write('chip.json', { registers: { file: 'chip.svd', at: 'region0:4' } });
  await assert.rejects(openDevice('sim:edu', { profile: path }), /registers\[0\]\.at: "region0:4" is no place/);
});

test('what warns of nothing is told of, and a mistake in a register map once, with its place', async () => {
  const name = 'vain';
  const path = write(`${name}.json`, {
    cautions: [
      { space: 'region0', offset: '0x200000', reason: 'x' },
      { space: 'region0', offset: '0x40', size: 0, reason: 'y' },
    ],
    scripts: { go: { file: 'nowhere.vfio' } },
    architecture: 'x86',
    registers: { name: 'u', registers: [{ name: 'A', offset: '0x10', acces: 'ro' }] },
  });
  using device = await openDevice('sim:edu', { profile: path });
  assert.deepEqual(device.warnings, [
    'profile vain: u: A: there is no "acces" here: did you mean access?',
    'profile vain: a caution of region0 at 0x200000: it is past the end of region0 (0x100000 bytes)',
    'profile vain: a caution of region0 at 0x40: its size is 0, so that it warns of nothing',
    `profile vain: script go: there is no file ${join(folder.path, 'nowhere.vfio')}`,
  ]);
});

test('what a register of a file does when it is read is a caution like any other', async () => {
  write('chip.svd', svd);
  const path = write('chip.json', { registers: { file: 'chip.svd', peripheral: 'UART' } });
  using device = await openDevice('sim:edu', { profile: path });
  assert.deepEqual(
    device.registers.cautionsIn('region0', 0, 0x100).map(({ start, end }) => [start, end]),
    [[4, 8]],
  );
});
