import type { ShippedBody } from '../description.js';

/** Nothing is known of a platform device in general but what its guest's node must not have: things of the host's own bookkeeping. */
export const body: ShippedBody = {
  guest: {
    drop: ['assigned-clocks', 'assigned-clock-parents', 'assigned-clock-rates', 'status', 'linux,phandle', 'phandle'],
  },
};
