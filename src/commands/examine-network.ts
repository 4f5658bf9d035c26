import type { Clock } from '../base/clock.ts';
import { accessOf } from '../config.ts';
import {
  fine,
  messageOfNode,
  warning,
  wrong,
  type Finding,
  type NetworkExaminer,
  type NodeExamination,
} from '../networks/examination.ts';
import { openExaminer } from '../networks/open-examiner.ts';
import { verifyNetwork } from '../networks/verify-network.ts';
import { examineSettlement } from './examine-settlement.ts';
import { examineTreasury } from './examine-treasury.ts';
import type { NetworkToExamine } from './network-to-examine.ts';

/** The nodes by themselves and together, the assets, the treasury, and where settlement stands. */
export async function examineNetwork(it: NetworkToExamine): Promise<readonly Finding[]> {
  const { network, config } = it;
  const examiner = openExaminer(network, accessOf(config, network));
  const nodes = await examiner.examineNodes();
  const judged = nodes.map((node) => judgeAge(node, { nodes, examiner, clock: it.clock }));
  const usable = judged.filter(isUsable).length;
  const found = [
    ...judged.flatMap(({ findings }) => findings),
    judgeQuorum(nodes.length, usable),
    ...examineOperators(config.rpcUrls.get(network) ?? []),
  ];
  const settlement = await examineSettlement(it);
  if (usable === 0) return [...found, ...settlement];
  return [
    ...found,
    await examineAssets(it),
    ...(await examineTreasury(it, examiner)),
    ...settlement,
  ];
}

function isUsable({ newest, findings }: NodeExamination): boolean {
  return newest !== null && findings.every(({ level }) => level !== 'fail');
}

/** Whether a node keeps up, by its own newest block's time and by the other nodes' blocks. */
function judgeAge(
  node: NodeExamination,
  against: {
    readonly nodes: readonly NodeExamination[];
    readonly examiner: NetworkExaminer;
    readonly clock: Clock;
  },
): NodeExamination {
  const { newest, label } = node;
  if (newest === null) return node;
  const { examiner, clock, nodes } = against;
  const ageMs = clock.now().getTime() - newest.time.getTime();
  const highest = nodes.reduce(
    (most, other) =>
      other.newest !== null && other.newest.number > most ? other.newest.number : most,
    newest.number,
  );
  const behind = highest - newest.number;
  const mend = 'let it catch up, or name another node in its place';
  const complaints: Finding[] = [];
  if (ageMs > examiner.oldestNewestMs) {
    const minutes = Math.round(ageMs / 60_000);
    complaints.push(
      wrong(`${label} is not in sync: its newest block is ${minutes} minutes old`, mend),
    );
  }
  if (behind > examiner.lagBlocks) {
    complaints.push(wrong(`${label} lags behind: ${behind} blocks behind another`, mend));
  }
  if (complaints.length === 0) return node;
  const rest = node.findings.filter(({ level }) => level !== 'ok');
  return { ...node, findings: [...rest, ...complaints] };
}

function judgeQuorum(count: number, usable: number): Finding {
  const quorum = Math.floor(count / 2) + 1;
  const three = 'name three URLs of different operators';
  if (usable < quorum) {
    const what = `${usable} of ${count} nodes can be used, and a proof takes ${quorum}: no payout can end`;
    return wrong(what, `mend the nodes above, or ${three}`);
  }
  if (count === 1) return warning('one node is trusted with the money, alone', three);
  if (quorum === count) return warning(`a proof takes all ${count} nodes: none may fail`, three);
  if (usable === quorum) {
    const what = `${usable} of ${count} nodes can be used: if one more fails, no payout can end`;
    return warning(what, 'mend the nodes above');
  }
  return fine(`${usable} of ${count} nodes can be used, and a proof takes ${quorum}`);
}

/** Two URLs of one host are two voices by their count and one by their faults. */
function examineOperators(rpcUrls: readonly string[]): Finding[] {
  const hosts = rpcUrls.map((url) => new URL(url).hostname);
  const isLocal = hosts.every((host) => /^(127[.]|localhost$|\[::1\]$)/.test(host));
  if (isLocal || new Set(hosts).size === hosts.length) return [];
  return [warning('two nodes are of one host', 'name nodes of different operators')];
}

async function examineAssets({ network, config }: NetworkToExamine): Promise<Finding> {
  const assets = config.registry.assets(network);
  try {
    await verifyNetwork(network, accessOf(config, network));
    const off = assets.filter(({ payoutsEnabled }) => !payoutsEnabled);
    const note = off.map(({ token }) => `; payouts of ${token} are switched off`).join('');
    const names = assets.map(({ token, decimals }) => `${token} (${decimals})`).join(' and ');
    return fine(`${names} on the chain as configured${note}`);
  } catch (error) {
    const mend = `correct KNIT_RPC_${network}, or the entry in KNIT_ASSETS_FILE`;
    return wrong(messageOfNode(error), mend);
  }
}
