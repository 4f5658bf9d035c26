import { Fault } from '../base/fault.ts';
import { isIpAllowed } from '../businesses/ip-allow-list.ts';
import { parseIpAddress } from '../businesses/ip-range.ts';
import type { Queryable } from '../database/database.ts';
import { callerKnown } from './authenticate.ts';
import type { Step } from './visit.ts';

/** Lets only addresses on the business's list pass. Throws IP_NOT_ALLOWED. */
export function allowIp(deps: { readonly database: Queryable }): Step {
  return async (visit) => {
    const { businessId } = callerKnown(visit);
    if (await isIpAllowed(deps.database, businessId, visit.clientIp)) return;
    throw new Fault('IP_NOT_ALLOWED', 'IP address not whitelisted');
  };
}

/** One spelling for an address: IPv4-mapped IPv6 is IPv4. What is no address stays as it is. */
export function plainAddress(text: string): string {
  return parseIpAddress(text)?.toString() ?? text;
}
