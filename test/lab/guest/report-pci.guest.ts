import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { bindToVfio, findPci } from './bind.js';
import { reported } from './report.js';
import { vfiodbg } from './tool.js';

const [edu = ''] = findPci(0x1234, 0x11e8);

for (const via of ['group', 'cdev'] as const) {
  it(`report by ${via}: the kernel, the group, registers, interrupts, mappings and the log of a PCI device`, async () => {
    const { group } = bindToVfio('pci', edu);
    const lines = ['dma alloc ring 4K', 'irq enable msi', 'poke region0 0x4 0x12345678'];
    const { parts, markdown } = await reported(edu, via, lines);
    for (const [title, wanted] of [
      ['Device', new RegExp(`"via":"${via}"`)],
      ['IOMMU and group', new RegExp(`\\b${group.replace('/dev/vfio/', '')}\\b.*${edu}`)],
      ['Regions', /"path":"mapped"/],
      ['Config space', /"vendorId":4660,"deviceId":4584/],
      ['Registers', /"name":"ID","value":16777453.*"name":"LIVE","value":3989547399/],
      ['Interrupts', /"name":"msi","index":1,"enabled":1/],
      ['Mappings', /"name":"ring"/],
      ['Log', /305419896|0x12345678/],
    ] as const)
      assert.match(parts.get(title) ?? 'no such part', wanted, title);
    assert.doesNotMatch(parts.get('Registers') ?? '', /"name":"IRQ_ACK","value"/);
    assert.match(markdown, /^# vfiodbg report\n[\s\S]*\n## Log\n/);
  });

  it(`snapshot, diff and restore by ${via}: what was changed is told, and comes back`, async () => {
    bindToVfio('pci', edu);
    const file = `/tmp/kept-${via}.json`;
    const lines = [
      'poke DMA_SRC 0x40010',
      `snapshot ${file} region0 --registers`,
      'poke DMA_SRC 0x1',
      `diff ${file}`,
      `restore ${file}`,
      'peek DMA_SRC',
      'undo --list',
    ];
    const { code, stdout, stderr } = await vfiodbg('--via', via, ...lines.flatMap((line) => ['-c', line]), edu);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /region0\.DMA_SRC +0x0000000000040010 +0x0000000000000001/);
    assert.match(stdout, /region0\.DMA_SRC +0x0000000000000001 +0x0000000000040010\n/);
    assert.match(stdout, /region0\.DMA_SRC \(region0\+0x80\): 0x0000000000040010/);
    assert.match(readFileSync(file, 'utf8'), /"region0\.ID": "0x10000ed"/);
  });
}
