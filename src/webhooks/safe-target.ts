import { isPublicAddress } from './internal/public-address.ts';

export interface HostAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** What decides which targets are safe. */
export interface TargetGuard {
  /** Every address of a host name; throws where there is none. */
  readonly lookup: (hostname: string) => Promise<readonly HostAddress[]>;
  /**
   * Targets that are allowed although they are private, each exactly "host:port", the host as a URL
   * shows it. For a receiver of one's own in a sandbox.
   */
  readonly allowedPrivateTargets: readonly string[];
}

/** `unresolved` may heal by waiting; `refused` is a fault of the target. */
export type TargetCheck =
  /** A connection may be made to these addresses and to no others. */
  | { readonly kind: 'safe'; readonly url: URL; readonly addresses: readonly HostAddress[] }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unresolved'; readonly reason: string };

const MAX_URL_LENGTH = 2048;

/** Names of the machine itself or of a network that is not the public one (RFC 6761, 6762, 8375). */
const PRIVATE_NAME = /(^|[.])(localhost|localdomain|local|internal|intranet|lan|home[.]arpa)$/;

/**
 * Whether a webhook may be sent to a URL: http or https, no credentials, and a host whose every
 * address is public. The caller connects to the addresses given here, so that a name which is
 * resolved again cannot lead elsewhere.
 */
export async function checkTarget(text: string, guard: TargetGuard): Promise<TargetCheck> {
  const url = parseTarget(text);
  if (typeof url === 'string') return { kind: 'refused', reason: url };
  const isAllowed = guard.allowedPrivateTargets.includes(`${url.hostname}:${portOf(url)}`);
  const literal = literalAddress(url.hostname);
  if (literal !== undefined) {
    if (!isAllowed && !isPublicAddress(literal.address)) return notPublic();
    return { kind: 'safe', url, addresses: [literal] };
  }
  const problem = isAllowed ? undefined : nameProblem(url.hostname);
  if (problem !== undefined) return { kind: 'refused', reason: problem };
  const addresses = await resolve(url.hostname, guard);
  if (addresses.length === 0) return { kind: 'unresolved', reason: 'the host name has no address' };
  if (!isAllowed && !addresses.every(({ address }) => isPublicAddress(address))) return notPublic();
  return { kind: 'safe', url, addresses };
}

function notPublic(): TargetCheck {
  return { kind: 'refused', reason: 'the host is not a public address' };
}

/** The URL, or what is wrong with it. `new URL` has by then made every spelling of an IPv4 one. */
function parseTarget(text: string): URL | string {
  if (text.length > MAX_URL_LENGTH) return `a URL has at most ${MAX_URL_LENGTH} characters`;
  const url = URL.parse(text);
  if (url === null) return 'not a URL';
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'not an http or https URL';
  if (url.username !== '' || url.password !== '') return 'a URL must not hold credentials';
  if (url.port === '0') return 'port 0 cannot be reached';
  url.hash = '';
  return url;
}

function portOf(url: URL): string {
  if (url.port !== '') return url.port;
  return url.protocol === 'https:' ? '443' : '80';
}

function literalAddress(hostname: string): HostAddress | undefined {
  if (hostname.startsWith('[')) return { address: hostname.slice(1, -1), family: 6 };
  return /^\d+([.]\d+){3}$/.test(hostname) ? { address: hostname, family: 4 } : undefined;
}

function nameProblem(hostname: string): string | undefined {
  if (hostname.endsWith('.')) return 'a host name must not end with a dot';
  // A name of one label is completed by the resolver's search list, or is the machine's own.
  if (!hostname.includes('.')) return 'not a full host name';
  return PRIVATE_NAME.test(hostname) ? 'the host name is not a public one' : undefined;
}

async function resolve(hostname: string, guard: TargetGuard): Promise<readonly HostAddress[]> {
  try {
    return await guard.lookup(hostname);
  } catch {
    return [];
  }
}
