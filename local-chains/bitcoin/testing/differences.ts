import { isRecord } from '../question.ts';

/** Fields that only Knots has; Bitcoin Core and the local chain have not. */
const OF_KNOTS = [
  'startingpriority',
  'currentpriority',
  'txcount',
  'header_version',
  'mintxfee',
  'dustrelayfee',
  'dustrelayfeefloor',
  'dustdynamic',
  'rbf_policy',
  'truc_policy',
];
/** What two nodes of one chain need not have in common. */
const OF_THE_NODE = [
  'unbroadcast',
  'unbroadcastcount',
  'usage',
  'size_on_disk',
  'initialblockdownload',
  'mempool_sequence',
  // Knots takes its own time for it, not the one that it is set to.
  'timereceived',
];

/** Knots tells these apart; Core has one word for them. */
const OF_CORE: Readonly<Record<string, string>> = {
  'bad-witness-taproot-annex': 'bad-witness-nonstandard',
  'bad-witness-nonwitness-input': 'bad-witness-nonstandard',
};

/** Where two answers say something else, as "path: ours / real"; none where they agree. */
export function differences(ours: unknown, real: unknown, path = ''): readonly string[] {
  if (Array.isArray(ours) && Array.isArray(real)) {
    if (ours.length !== real.length) {
      return [`${path}: ${JSON.stringify(ours)} / ${JSON.stringify(real)}`];
    }
    const [mine, theirs] = [sorted(ours), sorted(real)];
    return mine.flatMap((each, index) => differences(each, theirs[index], `${path}[${index}]`));
  }
  if (isRecord(ours) && isRecord(real)) {
    const names = new Set([...Object.keys(ours), ...Object.keys(real)]);
    return [...names].flatMap((name) => {
      if (OF_THE_NODE.includes(name)) return [];
      // "hash" of an entry of the mempool is an older name of its wtxid.
      const isOlder = name === 'hash' && real['wtxid'] === real['hash'];
      if (!(name in ours) && (OF_KNOTS.includes(name) || isOlder)) return [];
      return differences(ours[name], real[name], `${path}.${name}`);
    });
  }
  const told = typeof real === 'string' ? (OF_CORE[real] ?? real) : real;
  return ours === told ? [] : [`${path}: ${JSON.stringify(ours)} / ${JSON.stringify(real)}`];
}

/** By what tells elements apart: sets have no order. */
function sorted(list: readonly unknown[]): readonly unknown[] {
  const keyOf = (each: unknown): string => {
    if (!isRecord(each)) return '';
    const { txid, vout, category, desc } = each;
    return JSON.stringify([txid, vout, category, desc]);
  };
  return list.every(isRecord)
    ? list.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
    : list.every((each) => typeof each === 'string')
      ? list.toSorted()
      : list;
}
