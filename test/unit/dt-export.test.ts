import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { UsageError } from '../../src/repl/usage-error.js';
import { VfioError } from '../../src/vfio/errors.js';
import { blobOf } from './device-trees.js';
import { FakeMachine } from './fake-machine.js';
import { goldenFolder } from './golden.js';
import { KeptOutput } from './session-fixture.js';

const registry = new Registry(commandModules);
const blob = join(dirname(dirname(dirname(goldenFolder))), 'scripts/pl031.dtb');
const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-export-'));
after(() => rmSync(folder, { recursive: true }));

function session(machine?: FakeMachine): { session: Session; type: (line: string) => Promise<string> } {
  const output = new KeptOutput();
  const made = new Session(registry, output);
  if (machine) made.roots = machine.roots;
  return {
    session: made,
    type: async (line) => {
      await made.execute(line, { prefixes: false });
      return output.take();
    },
  };
}

test('an open device is written in the order of its regions and interrupts, with the clocks of its profile, and not touched', async () => {
  const { session: made, type } = session();
  const device = await made.open('sim:pl031');
  try {
    await type(`dt use /bus/rtc@10000 --dtb ${blob}`);
    const shown = await type('dt export --for crosvm');
    assert.match(shown, /rtc: rtc@9010000 \{/);
    assert.match(shown, /reg = <0x0 0x9010000 0x0 0x1000>;\n +reg-names = "rtc";\n +interrupts = <0 2 4>;/);
    assert.match(shown, /clock-frequency = <0x16e3600>;/);
    assert.match(
      shown,
      /--vfio \/sys\/bus\/amba\/devices\/9010000\.rtc,dt-symbol=rtc --device-tree-overlay rtc\.dtbo,filter/,
    );
    assert.match(shown, /crosvm takes platform and PCI devices only/);
    assert.doesNotMatch(shown, /\t/);
    assert.match(await type('dt export --for crosvm --symbol clock0'), /clock0: rtc@9010000 \{/);
    assert.deepEqual(
      [...device.journal.entries()].filter(({ kind }) => /read|write/.test(kind)),
      [],
    );
  } finally {
    made.closeAll();
  }
});

test('a node of a blob needs no device; its profile is found by what it is compatible with', async () => {
  const { type } = session();
  const shown = await type(`dt export --for qemu --node /bus/rtc@10000 --dtb ${blob}`);
  assert.match(shown, /-device vfio-platform,host=9010000\.rtc/);
  assert.match(shown, /QEMU has had no vfio-platform since 10\.2/);
  assert.match(shown, /clock-names = "apb_pclk";/);
});

test('a file is written once, under the name that the commands in it use', async () => {
  const { session: made, type } = session();
  const path = join(folder, 'rtc.dts');
  const line = `dt export --for crosvm --node /bus/rtc@10000 --dtb ${blob} ${path}`;
  made.options.set('dryrun', true);
  assert.match(await type(line), /would write/);
  assert.ok(!existsSync(path));
  made.options.set('dryrun', false);
  assert.match(await type(line), /dtc -@ .* -o rtc\.dtbo rtc\.dts/);
  const source = readFileSync(path, 'utf8');
  assert.match(source, /^\/dts-v1\/;\n\/plugin\/;\n/);
  assert.match(source, /\n\t\t\trtc: rtc@9010000 \{\n/);
  await assert.rejects(type(line), /which may hold work/);
  await type(`${line} --replace`);
  assert.equal(readFileSync(path, 'utf8'), source);
});

test('a PCI device gets its lines, with what is known of its group', async () => {
  const machine = new FakeMachine();
  try {
    const both = { group: '7', driver: 'vfio-pci' };
    machine.device({ ...both, name: '0000:01:00.0', vfioDev: 'vfio3', pci: [0x8086, 0x10d3, 0x020000] });
    machine.device({ ...both, name: '0000:01:00.1', pci: [0x8086, 0x10d3, 0x020000] });
    const { type } = session(machine);
    const qemu = await type('dt export --for qemu --node 01:00.0');
    assert.match(qemu, /^qemu-system-x86_64 -device vfio-pci,host=0000:01:00\.0 \.\.\.$/m);
    assert.match(
      qemu,
      /-object iommufd,id=iommufd0,fd=22 -device vfio-pci,iommufd=iommufd0,fd=23 .* 23<>\/dev\/vfio\/devices\/vfio3$/m,
    );
    assert.match(qemu, /^# IOMMU group 7 has 0000:01:00\.1 as well/m);
    const crosvm = await type('dt export --for crosvm --node 0000:01:00.0');
    assert.match(crosvm, /^crosvm run --vfio \S+\/bus\/pci\/devices\/0000:01:00\.0 \.\.\.$/m);
  } finally {
    machine.remove();
  }
});

test('what cannot be exported says why', async () => {
  const { session: made, type } = session();
  const fails = async (line: string, kind: typeof VfioError | typeof UsageError, why: RegExp): Promise<void> => {
    await assert.rejects(type(line), (error: unknown) => error instanceof kind && why.test(error.message));
  };
  await fails('dt export', UsageError, /for which monitor/);
  await fails('dt export --for crosvm', VfioError, /no device is open/);
  await fails(`dt export --for crosvm --symbol 1x --node /bus --dtb ${blob}`, UsageError, /a label has letters/);
  await fails(`dt export --for crosvm --node /nothing --dtb ${blob}`, VfioError, /no such node/);
  const boards = ['zynqmp-zcu102-rev1.0', 'imx8mp-evk'].map((board) => {
    const file = join(folder, `${board}.dtb`);
    writeFileSync(file, blobOf(board));
    return file;
  });
  const [zynq = '', imx = ''] = boards;
  await fails(`dt export --for crosvm --node /memory@0 --dtb ${zynq}`, VfioError, /it has no compatible/);
  await fails(`dt export --for crosvm --node / --dtb ${zynq}`, VfioError, /it is the whole machine/);
  const pmic = '/soc@0/bus@30800000/i2c@30a20000/pmic@25';
  await fails(`dt export --for crosvm --node ${pmic} --dtb ${imx}`, VfioError, /its address is one on \/soc@0.*i2c@/);
  for (const monitor of ['qemu', 'crosvm'])
    await fails(
      `dt export --for ${monitor} --node /axi/pcie@fd0e0000 --dtb ${zynq}`,
      VfioError,
      /it is a PCI host bridge: VFIO gives a guest the devices behind it/,
    );
  await fails('dt export --for qemu --node 0000:ff:1f.7', VfioError, /no such device/);
  try {
    await made.open('sim:edu');
    await fails('dt export --for crosvm', VfioError, /crosvm has no vfio-user client/);
    await made.open('sim:pl031');
    await fails('dt export --for crosvm', VfioError, /nothing says which node is its/);
  } finally {
    made.closeAll();
  }
});
