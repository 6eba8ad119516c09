import { VfioError } from '../errors.js';
import { allProfiles, fitting } from './catalog.js';
import type { DeviceIdentity } from './identity.js';
import { type Profile, resolveProfile } from './resolve.js';

/** The profile that fits `identity` best, of those that can be read; undefined where none does. */
export async function profileFor(identity: DeviceIdentity): Promise<Profile | undefined> {
  const { profiles } = await allProfiles();
  for (const known of fitting(profiles, identity)) {
    try {
      return await resolveProfile(known);
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
    }
  }
  return undefined;
}
