import {
  fetchDebianPackage,
  type FetchedPackage,
  type FetchOptions,
} from '../fetch-debian-package.ts';

/** A real node, from Debian unstable's `bitcoin-knots`. */
export async function fetchKnots(options: FetchOptions = {}): Promise<FetchedPackage> {
  const wanted = {
    name: 'bitcoin-knots',
    suite: 'unstable',
    program: 'usr/bin/bitcoind',
    title: 'Bitcoin Knots',
  };
  return await fetchDebianPackage(wanted, options);
}

if (import.meta.main) {
  const fetched = await fetchKnots();
  process.stdout.write(`${JSON.stringify(fetched)}\n`);
  process.exitCode = fetched.kind === 'ready' ? 0 : 1;
}
