import { readFileSync } from 'node:fs';
import { readTree } from './process-memory.ts';

const TICKS_A_SECOND = 100;

/** CPU seconds of a process and of all that descend from it, also of those that have ended since. Linux only. */
export function cpuSecondsOf(root: number): number {
  return readTree(root).reduce((sum, pid) => sum + cpuOf(pid, pid === root), 0);
}

/** CPU seconds that the whole machine has spent on anything. */
export function cpuSecondsOfMachine(): number {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  // user, nice, system, then idle and iowait, which are none; irq, softirq.
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line
    .trim()
    .split(/ +/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq) / TICKS_A_SECOND;
}

/** proc(5), fields 14 and 15, and of those that it has waited for 16 and 17. */
function cpuOf(pid: number, withEnded: boolean): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, withEnded ? 15 : 13).map(Number);
    return ticks.reduce((sum, each) => sum + each, 0) / TICKS_A_SECOND;
  } catch {
    // It ended in between.
    return 0;
  }
}
