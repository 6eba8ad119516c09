import { openDevice } from '../../../src/vfio/open.js';
import { contract } from '../../contract/contract.js';
import { bindToVfio, findPci } from './bind.js';

const [edu = ''] = findPci(0x1234, 0x11e8);
const [e1000e = ''] = findPci(0x8086, 0x10d3);
for (const address of [edu, e1000e]) bindToVfio('pci', address);

for (const via of ['group', 'cdev'] as const) {
  contract({
    name: `edu by ${via}`,
    open: (options) => openDevice(edu, { ...options, via }),
    identity: { region: 'region0', offset: 0, value: 0x010000ed },
    scratch: { region: 'region0', offset: 4, shows: (written) => ~written >>> 0 },
    block: { region: 'config', offset: 0, count: 16 },
    decode: true,
  });

  contract({
    name: `e1000e by ${via}`,
    open: (options) => openDevice(e1000e, { ...options, via }),
    // VET: the VLAN Ethernet type, whose initial value the 82574's data sheet gives.
    identity: { region: 'region0', offset: 0x38, value: 0x8100 },
    // The first entry of the receive address array: 32 plain bits.
    scratch: { region: 'region0', offset: 0x5400, shows: (written) => written },
    block: { region: 'config', offset: 0, count: 64 },
    decode: true,
  });
}
