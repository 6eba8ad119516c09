#!/usr/bin/env node
import { parseCommandLine } from './cli.js';
import { checkCurrentFolder } from './current-folder.js';

// Whatever is not needed for the request at hand is not loaded: start-up time is a feature.
try {
  const request = parseCommandLine(process.argv.slice(2));
  if (request.kind === 'session' || request.kind === 'serve') checkCurrentFolder();
  if (request.kind === 'session') {
    if (request.device?.startsWith('sim:') === true) {
      // The simulator's thread comes up while the rest is loaded.
      const { startAhead } = await import('../vfio/sim/open.js');
      startAhead(request.device.slice(4));
    }
    const { loadAhead } = await import('./load-ahead.js');
    loadAhead(request);
    const { runSession } = await import('./front.js');
    process.exit(await runSession(request));
  }
  const { runRequest } = await import('./requests.js');
  process.exit(await runRequest(request));
} catch (error) {
  const { showFailure } = await import('./report.js');
  const { wantsColour } = await import('./standard-output.js');
  const json = process.argv.includes('--json');
  process.exit(await showFailure(error, { json, colour: !process.argv.includes('--no-color') && wantsColour(2) }));
}
