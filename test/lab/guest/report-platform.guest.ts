import assert from 'node:assert/strict';
import { it } from 'node:test';
import { bindToVfio } from './bind.js';
import { reported } from './report.js';

const RTC = '9010000.pl031';

for (const via of ['group', 'cdev'] as const) {
  it(`report by ${via}: the node in the device tree, registers, interrupts, mappings and the log of an AMBA device`, async () => {
    const { group } = bindToVfio('amba', RTC);
    const { parts, markdown } = await reported(RTC, via, ['dma alloc ring 4K', 'irq enable irq0', 'poke RTCMR 0x1234']);
    for (const [title, wanted] of [
      ['Device', new RegExp(`"via":"${via}"`)],
      ['IOMMU and group', new RegExp(`\\b${group.replace('/dev/vfio/', '')}\\b.*${RTC}`)],
      ['Device tree node', /\/pl031@9010000\b.*arm,pl031/],
      ['Regions', /"path":"mapped"/],
      ['Registers', /"name":"RTCMR","value":4660/],
      ['Interrupts', /"name":"irq0 alarm","index":0,"enabled":1/],
      ['Mappings', /"name":"ring"/],
      ['Log', /4660|0x1234\b|0x00001234/],
    ] as const)
      assert.match(parts.get(title) ?? 'no such part', wanted, title);
    assert.match(markdown, /^# vfiodbg report\n[\s\S]*\n## Log\n/);
  });
}
