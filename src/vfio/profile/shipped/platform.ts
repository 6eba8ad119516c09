import type { ShippedBody } from '../description.js';

/** What holds for every platform device: of its registers nothing, of its node in a guest's tree what no guest has a use for. */
export const body: ShippedBody = { guest: { drop: ['wakeup-source', 'linux,wakeup', 'power-controller'] } };
