import { openDevice } from '../../src/vfio/open.js';
import { contract } from './contract.js';

contract({
  name: 'sim:edu',
  open: (options) => openDevice('sim:edu', options),
  identity: { region: 'region0', offset: 0, value: 0x010000ed },
  scratch: { region: 'region0', offset: 4, shows: (written) => ~written >>> 0 },
  block: { region: 'config', offset: 0, count: 16 },
  decode: true,
});

contract({
  name: 'sim:pl031',
  open: (options) => openDevice('sim:pl031', options),
  identity: { region: 'region0', offset: 0xfe0, value: 0x31 },
  scratch: { region: 'region0', offset: 4, shows: (written) => written },
  block: { region: 'region0', offset: 0xfe0, count: 8 },
});

contract({
  name: 'sim:sram',
  open: (options) => openDevice('sim:sram', options),
  identity: { region: 'region0', offset: 0, value: 0x4d415253 },
  scratch: { region: 'region0', offset: 0x8000, shows: (written) => written },
  block: { region: 'region0', offset: 0, count: 4096 },
  decode: true,
});
