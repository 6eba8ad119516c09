import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { identityOf } from '../../src/vfio/profile/identity.js';
import { openDevice } from '../../src/vfio/open.js';
import { ProfileFolder } from './profile-fixture.js';
import { KeptOutput } from './session-fixture.js';

const folder = new ProfileFolder();
const registry = new Registry(commandModules);

interface Table {
  readonly session: Session;
  type(line: string): Promise<string>;
  /** Accesses so far: 'read region0+0x4'. */
  accesses(): string[];
}

async function open(device: string, profile?: string): Promise<Table & Disposable> {
  const output = new KeptOutput();
  const session = new Session(registry, output);
  const opened = await session.open(device, profile === undefined ? {} : { profile });
  return {
    session,
    async type(line) {
      await session.execute(line, { prefixes: false });
      return output.take();
    },
    accesses: () =>
      [...opened.journal.entries()].filter(({ kind }) => /^(read|write)/.test(kind)).map(({ kind }) => kind),
    [Symbol.dispose]: () => session.closeAll(),
  };
}

test('opening with a profile, and looking at profiles, touches nothing', async () => {
  for (const device of ['sim:edu', 'sim:pl031', 'sim:sram']) {
    using table = await open(device);
    for (const line of [
      'info',
      'profile',
      'profile list',
      'profile show nvme',
      'profile new',
      'profile use none',
      'profile use',
    ]) {
      await table.type(line);
    }
    assert.deepEqual(table.accesses(), [], device);
  }
});

test('profiles are listed and shown without a device', async () => {
  const output = new KeptOutput();
  const session = new Session(registry, output);
  await session.execute('profile list; profile show pl011', { prefixes: false });
  assert.match(output.take(), /\nedu +pci 1234:11e8 [^]*\npl011: /);
  for (const line of ['profile', 'profile use edu', 'profile new'])
    await assert.rejects(async () => session.execute(line, { prefixes: false }), /no device is open/, line);
});

test('names of a profile are names of the language, and go with it', async () => {
  using table = await open('sim:sram');
  assert.match(await table.type('peek regs 0x0'), /0x4d415253/);
  assert.match(await table.type('peek regs.ID'), /0x4d415253/);
  assert.match(await table.type('peek ID'), /region1\.ID .*0x4d415253/);
  assert.match(await table.type('info'), /profile: +sram/);
  await table.type('profile use none');
  await assert.rejects(table.type('peek regs 0x0'), /no space "regs"/);
  await assert.rejects(table.type('peek ID'));
  assert.match(await table.type('info'), /profile: +none/);
  assert.match(await table.type('profile use'), /profile sram/);
  assert.match(await table.type('peek ID'), /0x4d415253/);
});

test("a name that the device's own registers and the PCI header have means the device's", async () => {
  using table = await open('sim:edu');
  assert.match(await table.type('peek STATUS'), /^region0\.STATUS /);
  assert.match(await table.type('peek COMMAND'), /^config\.COMMAND /);
  assert.match(await table.type('peek config.STATUS'), /^config\.STATUS /);
});

test('a device behind a socket is known by its bus, until its ids are read', async () => {
  using table = await open('sim:edu', 'pci');
  assert.match(await table.type('profile use --read-ids'), /profile edu/);
  assert.deepEqual(table.accesses(), ['read', 'read', 'read', 'read']);
  using clock = await open('sim:pl031', 'none');
  assert.match(await clock.type('profile use --read-ids'), /profile pl031/);
  assert.equal(clock.accesses().length, 8);
  using dry = await open('sim:edu', 'pci');
  dry.session.options.set('dryrun', true);
  assert.match(await dry.type('profile use --read-ids'), /would read the ids/);
  assert.deepEqual(dry.accesses(), []);
  assert.equal(dry.session.device?.profile?.name, 'pci');
});

test('a refused profile leaves the one that is in force as it is', async () => {
  using table = await open('sim:sram');
  const broken = folder.write('map.json', { registers: { name: 'a b', registers: [] } });
  await assert.rejects(table.type(`profile use ${broken}`), /"a b" is no name/);
  assert.match(await table.type('peek regs.ID'), /0x4d415253/);
  folder.remove('map.json');
  await assert.rejects(table.type('profile use srma'), /no profile of that name/);
  await assert.rejects(table.type('profile use edu --read-ids'), /finds a profile by itself/);
});

test('profile new writes a profile that can be loaded and fits the device again', async () => {
  for (const device of ['sim:edu', 'sim:pl031', 'sim:sram']) {
    for (const name of ['new.json', 'new.mjs']) {
      const path = join(folder.path, name);
      {
        using table = await open(device);
        assert.match(await table.type(`profile new ${path}`), /puts it in force/);
        await assert.rejects(table.type(`profile new ${path}`), /which may hold work/);
        writeFileSync(path, `${readFileSync(path, 'utf8')} `);
        await table.type(`profile new ${path} --replace`);
        assert.ok(!readFileSync(path, 'utf8').endsWith(' '));
      }
      using again = await openDevice(device);
      assert.equal(again.profile?.file, path, `${device} ${name}`);
      assert.deepEqual(again.warnings, []);
      rmSync(path);
    }
  }
});

test('profile new writes nothing where it should not', async () => {
  using table = await open('sim:edu');
  const path = join(folder.path, 'dry.json');
  table.session.options.set('dryrun', true);
  assert.match(await table.type(`profile new ${path}`), /would write/);
  assert.ok(!existsSync(path));
  table.session.options.set('dryrun', false);
  await assert.rejects(table.type('profile new x.txt'), /its extension is|no name for a profile/);
  await assert.rejects(table.type('profile new /nowhere/x.json'), /no such file or folder/);
});

test('names that come from elsewhere cannot end a comment or a string', async () => {
  const { skeletonOf, moduleText, jsonText } = await import('../../src/vfio/profile/skeleton.js');
  using device = await openDevice('sim:pl031');
  const evil = `x',globalThis.ran=1,'\n*/globalThis.ran=1//\u2028globalThis.ran=1//`;
  device.nameRegion(device.region(0), evil);
  const identity = { ...(await identityOf(device)), compatible: [evil], name: evil };
  const skeleton = skeletonOf(device, identity);
  const path = folder.write('evil.mjs', moduleText(skeleton));
  const module = (await import(path)) as { default: { match: { compatible: string }[] } };
  assert.equal(module.default.match[0]?.compatible, evil);
  assert.ok(!('ran' in globalThis));
  JSON.parse(jsonText(skeleton));
  folder.remove('evil.mjs');
});

test("a profile's scripts run by their names: lines, files, functions", async () => {
  folder.write('hello.vfio', 'peek ID\necho $0 $1\n');
  const path = folder.write(
    'scripts.mjs',
    `export default {
      includes: ['sram'],
      scripts: {
        lines: { lines: ['echo "one"', 'expect ID == 0x4d415253', 'echo $1'] },
        fails: { lines: ['peek ID', 'expect ID == 0'] },
        file: { file: 'hello.vfio', summary: 'from a file' },
        code: { run: async ({ peek, echo, parameters }) => echo('code', peek('ID').toString(16), ...parameters) },
      },
    };`,
  );
  using table = await open('sim:sram', path);
  assert.equal(await table.type('run lines two'), 'one\nregion1.ID (region1+0x0): 0x4d415253\ntwo\n');
  assert.match(await table.type('run file x'), /0x4d415253\n.*hello\.vfio x\n$/);
  assert.equal(await table.type('run code 7'), 'code 4d415253 7\n');
  await assert.rejects(table.type('run fails'), /fails of profile scripts:2/);
  await assert.rejects(table.type('run nothing'), /no such file/);
  assert.match(await table.type('profile'), /file: from a file/);
  const { world } = table.session;
  assert.deepEqual(
    world.scripts.map(({ name }) => name),
    ['memtest', 'lines', 'fails', 'file', 'code'],
  );
  table.session.options.set('dryrun', true);
  await assert.rejects(table.type('run code'), /JavaScript: there is no telling/);
  folder.remove('scripts.mjs');
  folder.remove('hello.vfio');
});

test('what ships with the tool can be run by its name', async () => {
  using table = await open('sim:edu');
  assert.match(await table.type('run bringup'), /0x010000ed/);
});

test("disasm takes the processor of the device's profile, unless another is asked for", async () => {
  const path = folder.write('cpu.json', { architecture: 'arm64' });
  using table = await open('sim:sram', path);
  assert.match(await table.type('disasm region0 0x100 4'), /mov +x2, x0/);
  assert.doesNotMatch(await table.type('disasm region0 0x100 4 --arch x86-64'), /mov +x2, x0/);
  folder.remove('cpu.json');
});

test('the node that a device was said to be tells which profile fits', async () => {
  using table = await open('sim:pl031', 'none');
  folder.write('node.json', { match: { compatible: 'arm,pl031' }, title: 'a clock after all' });
  assert.match(await table.type('profile use'), /profile pl031 /);
  await table.type('dt use /bus/rtc@10000 --dtb scripts/pl031.dtb');
  assert.match(await table.type('profile'), /compatible arm,primecell/);
  assert.match(await table.type('profile use'), /profile node \(a clock after all\)/);
  folder.remove('node.json');
});
