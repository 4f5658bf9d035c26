/** PostgreSQL's two ways of saying it: the system's error, and a hint after a write that fell short. */
const FULL_DISK = /No space left on device|Check free disk space/;

/** Why PostgreSQL ended: a full disk, from which all else follows; the last error; the last line. */
export function lastWords(lines: readonly string[]): string {
  if (lines.some((line) => FULL_DISK.test(line))) return 'the disk is full';
  const said = lines.filter((line) => line.trim() !== '');
  const error = said.findLast((line) => /error|fatal|panic|could not/i.test(line)) ?? said.at(-1);
  return error?.replace(/^.*?(FATAL|PANIC|error): */i, '').trim() ?? 'it ended without a word';
}
