import { openDevice } from '../../../src/vfio/open.js';
import { contract } from '../../contract/contract.js';
import { bindToVfio, findPci } from './bind.js';

const RTC = '9010000.pl031';
const VIRTIO = 'a000000.virtio_mmio';
const [edu = ''] = findPci(0x1234, 0x11e8);
bindToVfio('amba', RTC);
bindToVfio('platform', VIRTIO);
bindToVfio('pci', edu);

for (const via of ['group', 'cdev'] as const) {
  contract({
    name: `pl031 by ${via}`,
    open: (options) => openDevice(RTC, { ...options, via }),
    identity: { region: 'region0', offset: 0xfe0, value: 0x31 },
    scratch: { region: 'region0', offset: 4, shows: (written) => written },
    block: { region: 'region0', offset: 0xfe0, count: 8 },
  });

  contract({
    name: `virtio_mmio by ${via}`,
    open: (options) => openDevice(VIRTIO, { ...options, via }),
    identity: { region: 'region0', offset: 0, value: 0x74726976 },
    block: { region: 'region0', offset: 0, count: 4 },
  });

  contract({
    name: `edu behind the SMMU by ${via}`,
    open: (options) => openDevice(edu, { ...options, via }),
    identity: { region: 'region0', offset: 0, value: 0x010000ed },
    scratch: { region: 'region0', offset: 4, shows: (written) => ~written >>> 0 },
    block: { region: 'config', offset: 0, count: 16 },
    decode: true,
  });
}
