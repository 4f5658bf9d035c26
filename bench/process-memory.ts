import { readdirSync, readFileSync } from 'node:fs';

/** What the processes of one part hold. */
export interface PartMemory {
  /** Resident: pages that several processes share count in each of them. */
  readonly residentBytes: number;
  /** The same with shared pages divided among all processes of the machine that share them, so that parts add up. */
  readonly proportionalBytes: number;
  readonly processes: number;
}

/** A process with all that descend from it, as Linux lists them. */
export function readTree(root: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const parent = /^\d+$/.test(entry) ? parentOf(entry) : undefined;
    if (parent !== undefined)
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const tree = [root];
  // It grows while it is walked.
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** The memory of a process and its descendants, by what `partOf` makes of each one's command line. */
export function measureMemory(
  root: number,
  partOf: (commandLine: readonly string[]) => string,
): ReadonlyMap<string, PartMemory> {
  const parts = new Map<string, PartMemory>();
  for (const pid of readTree(root)) {
    const memory = memoryOf(pid);
    if (memory === undefined) continue;
    const part = partOf(memory.commandLine);
    const before = parts.get(part) ?? { residentBytes: 0, proportionalBytes: 0, processes: 0 };
    parts.set(part, {
      residentBytes: before.residentBytes + memory.residentBytes,
      proportionalBytes: before.proportionalBytes + memory.proportionalBytes,
      processes: before.processes + 1,
    });
  }
  return parts;
}

/** Undefined: it has ended in between. */
function memoryOf(
  pid: number,
): (Omit<PartMemory, 'processes'> & { readonly commandLine: readonly string[] }) | undefined {
  const rollup = readProc(pid, 'smaps_rollup');
  const commandLine = readProc(pid, 'cmdline');
  if (rollup === undefined || commandLine === undefined) return undefined;
  return {
    commandLine: commandLine.split('\0').filter((word) => word !== ''),
    residentBytes: bytesIn(rollup, 'Rss'),
    proportionalBytes: bytesIn(rollup, 'Pss'),
  };
}

function bytesIn(rollup: string, name: string): number {
  const [, kilobytes = '0'] = new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(rollup) ?? [];
  return Number(kilobytes) * 1_024;
}

/** Field 4 of proc(5)'s stat; the second, the name, may hold anything. */
function parentOf(pid: string): number | undefined {
  const stat = readProc(Number(pid), 'stat');
  return stat === undefined
    ? undefined
    : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
