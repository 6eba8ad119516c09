import { bindToVfio, findPci } from './bind.js';
import { compareTranscripts } from './transcripts.js';

const [address = ''] = findPci(0x1234, 0x11e8);
bindToVfio('pci', address);
const device = { address, twin: 'sim:edu' };

compareTranscripts({ ...device, script: 'test/lab/transcripts/edu-registers.vfio' });
compareTranscripts({ ...device, script: 'test/lab/transcripts/edu-names.vfio' });
compareTranscripts({ ...device, script: 'scripts/edu-bringup.vfio' });
compareTranscripts({ ...device, script: 'test/lab/transcripts/edu-intx.vfio', code: 3 });
compareTranscripts({ ...device, script: 'test/lab/transcripts/edu-msi.vfio', code: 3 });
