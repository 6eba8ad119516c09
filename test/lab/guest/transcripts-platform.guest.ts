import { bindToVfio } from './bind.js';
import { compareTranscripts } from './transcripts.js';

const address = '9010000.pl031';
bindToVfio('amba', address);
const device = { address, twin: 'sim:pl031' };

compareTranscripts({ ...device, script: 'test/lab/transcripts/pl031-registers.vfio' });
compareTranscripts({ ...device, script: 'test/lab/transcripts/pl031-names.vfio' });
compareTranscripts({ ...device, script: 'scripts/pl031-alarm.vfio' });
compareTranscripts({ ...device, script: 'test/lab/transcripts/pl031-irq.vfio', code: 3 });
