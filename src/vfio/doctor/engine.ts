import { accessEngine } from '../sys/access-engine.js';
import { type Check, pass, warn } from './check.js';

/** Whether mapped regions can be accessed by the processor's own loads and stores, once, at the width that was asked for. */
export const engineCheck: Check = {
  name: 'mapped access',
  about: 'machine',
  looksAt: () => [],
  examine() {
    const engine = accessEngine();
    if ('engine' in engine) return pass('by machine code of its own, one load or store each');
    return warn(
      `${engine.unavailable}: regions are accessed by pread and pwrite on the file of the device`,
      'allow this process executable memory (SELinux: execmem; noexec of memfd: vm.memfd_noexec=0)',
    );
  },
};
