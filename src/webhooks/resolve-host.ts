import { Resolver } from 'node:dns/promises';
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
