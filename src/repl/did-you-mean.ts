import { nearest } from '../vfio/nearest.js';

/** 'did you mean peek or poke?', or undefined where nothing is near. */
export function didYouMean(wrong: string, names: readonly string[]): string | undefined {
  const near = nearest(wrong, names);
  return near.length === 0 ? undefined : `did you mean ${near.join(' or ')}?`;
}
