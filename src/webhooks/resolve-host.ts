import { Resolver } from 'node:dns/promises';
import type { Clock } from '../base/clock.ts';
import type { HostAddress } from './safe-target.ts';

const TIMEOUT_MS = 2000;
const TRIES = 2;

/**
 * Every public address record of a host name, by asking the name servers. Not `dns.lookup`: that
 * holds one of the process's few worker threads while it waits, so four names whose servers hang
 * would delay every other endpoint. Throws where the name has no address. `servers`, each
 * "address:port", stand in for the system's.
 */
export async function resolveHost(
  hostname: string,
  servers?: readonly string[],
): Promise<readonly HostAddress[]> {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (servers !== undefined) resolver.setServers(servers);
  const [four, six] = await Promise.allSettled([
    resolver.resolve4(hostname),
    resolver.resolve6(hostname),
  ]);
  const addresses = [
    ...addressesOf(four).map((address): HostAddress => ({ address, family: 4 })),
    ...addressesOf(six).map((address): HostAddress => ({ address, family: 6 })),
  ];
  if (addresses.length === 0) throw new Error(`${hostname} has no address`);
  return addresses;
}

function addressesOf(answer: PromiseSettledResult<string[]>): string[] {
  return answer.status === 'fulfilled' ? answer.value : [];
}

/** So many names are remembered; the one that was looked up longest ago is forgotten first. */
const MAX_REMEMBERED = 10_000;

type Lookup = (hostname: string) => Promise<readonly HostAddress[]>;

/**
 * A look-up that asks for a name once in `forMs`, whoever wants it how often, and at the same time only once:
 * an endpoint that is told of a thousand payouts a second asks no name server a thousand times. A failure is
 * not remembered.
 */
export function rememberHosts(lookup: Lookup, clock: Clock, forMs: number): Lookup {
  const known = new Map<string, { readonly at: number; readonly answer: ReturnType<Lookup> }>();
  return async (hostname) => {
    const now = clock.now().getTime();
    const kept = known.get(hostname);
    if (kept !== undefined && now >= kept.at && now - kept.at < forMs) return await kept.answer;
    const fresh = { at: now, answer: lookup(hostname) };
    known.delete(hostname);
    known.set(hostname, fresh);
    const [oldest] = known.keys();
    if (known.size > MAX_REMEMBERED && oldest !== undefined) known.delete(oldest);
    try {
      return await fresh.answer;
    } catch (error) {
      if (known.get(hostname) === fresh) known.delete(hostname);
      throw error;
    }
  };
}
