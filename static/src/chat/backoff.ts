// How long to wait before trying again: 0.5, 1, 2 … seconds, 15 at most, with jitter so that not all come back at once.

const FIRST_MS = 500;
const LONGEST_MS = 15_000;

/** Milliseconds before the attempt after `failures` failed ones; `random` lies between 0 and 1. */
export function delayMs(failures: number, random: number): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, failures - 1));
  return Math.round(full * (0.5 + random / 2));
}
