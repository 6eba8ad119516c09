import type { Device } from '../device.js';
import { VfioError } from '../errors.js';
import { applyProfile } from './apply.js';
import { allProfiles, fitting, type KnownProfile, namedProfile } from './catalog.js';
import { type DeviceIdentity, identityOf, identityWithNode } from './identity.js';
import { matchText, identityText } from './match-text.js';
import { isOther } from './match.js';
import { type Profile, resolveProfile } from './resolve.js';

/**
 * Puts a profile in force on `device` in the place of the one that is: the one that `wanted` names (a file, a name, 'none'), by default the one that
 * fits what is known of the device best. Touches no device. A broken profile that nobody named is a warning; one that was named, and one that
 * is not there, rejects with VfioError and leaves the device as it was. One that was named is taken though it is for other devices: that is a warning.
 * What is to be told is in the device's warnings.
 */
export async function useProfile(device: Device, wanted?: string): Promise<void> {
  if (wanted === undefined) return useFitting(device, await identityOf(device));
  if (wanted !== 'none') {
    const known = await namedProfile(wanted);
    const profile = await resolveProfile(known);
    return putInForce(device, profile, meantForOthers(known, await identityWithNode(device)));
  }
  device.profile?.withdraw();
  device.profile = undefined;
  device.profileWarnings = [];
}

/** Puts the profile in force that fits `identity` best. */
export async function useFitting(device: Device, identity: DeviceIdentity): Promise<void> {
  const { profiles, problems } = await allProfiles();
  const warnings = [...problems];
  for (const known of fitting(profiles, identity)) {
    try {
      await putInForce(device, await resolveProfile(known), warnings);
      return;
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      warnings.push(error.message);
    }
  }
  device.profileWarnings = warnings;
}

/** That a profile is for other devices, where that is known; it may still be of use for one that resembles them. */
function meantForOthers({ name, match }: KnownProfile, identity: DeviceIdentity): string[] {
  if (match.length === 0 || !match.every((one) => isOther(one, identity))) return [];
  const wanted = match.map(matchText).join('; or ');
  return [
    `profile ${name} is for ${wanted}, and this device is ${identityText(identity).join(', ')}: it is used all the same`,
  ];
}

async function putInForce(device: Device, profile: Profile, warnings: readonly string[]): Promise<void> {
  const before = device.profile;
  // Before the new one comes, since both may give the same names.
  before?.withdraw();
  device.profile = undefined;
  try {
    device.profile = await applyProfile(device, profile);
  } catch (error) {
    if (before !== undefined) device.profile = await applyProfile(device, before);
    throw error;
  }
  const { name, problems } = device.profile;
  device.profileWarnings = [...warnings, ...problems.map((problem) => `profile ${name}: ${problem}`)];
}
