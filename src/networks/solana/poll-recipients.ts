import { present } from '../../base/assert.ts';
import type { TransferOrder } from '../network.ts';
import { judgeRecipients, type RecipientJudgement } from './judge-recipient.ts';
import type { SolanaNode } from './node.ts';
import type { SolanaPool } from './nodes.ts';

/**
 * What a quorum of the nodes says of each recipient. To pay is for good as much as to refuse: one node that
 * calls a token account a wallet would have an account of an account opened, and its money lost. Of
 * recipients that the nodes do not agree about, each waits alone.
 */
export async function pollRecipients(
  pool: SolanaPool,
  orders: readonly TransferOrder[],
  treasury: string,
): Promise<ReadonlyMap<TransferOrder, RecipientJudgement>> {
  const heard = await pool.hearAll(async (node) => await judgeRecipients(node, orders, treasury));
  const voices = heard.flatMap((it) => (it.kind === 'heard' ? [it] : []));
  const failures = heard.flatMap((it) => (it.kind === 'failed' ? [it.reason] : []));
  return new Map(
    orders.map((order, index) => {
      const said = voices.map(({ node, value }) => ({
        node,
        judgement: present(value[index], 'a node judges each order'),
      }));
      return [order, weigh(pool, said, failures)];
    }),
  );
}

interface Said {
  readonly node: SolanaNode;
  readonly judgement: RecipientJudgement;
}

function weigh(
  pool: SolanaPool,
  said: readonly Said[],
  failures: readonly string[],
): RecipientJudgement {
  const counted = said.filter(({ node }) => pool.counts(node));
  if (counted.length < pool.quorum) {
    const reason = `Too few nodes answer to judge the recipient: ${failures.join('; ')}`;
    return { kind: 'wait', reason };
  }
  for (const { judgement } of counted) {
    const alike = counted.filter((it) => keyOf(it.judgement) === keyOf(judgement));
    if (alike.length < pool.quorum) continue;
    for (const it of said) pool.weigh(it.node, keyOf(it.judgement) === keyOf(judgement));
    return together(alike.map((it) => it.judgement));
  }
  const waits = counted.find(({ judgement }) => judgement.kind === 'wait')?.judgement;
  return waits ?? { kind: 'wait', reason: 'The nodes do not agree about the recipient.' };
}

/** Whether an account is there yet is not part of it: nodes are not equally far. */
function keyOf(judgement: RecipientJudgement): string {
  return judgement.kind === 'payable'
    ? `payable ${judgement.way.destination} ${judgement.way.direct}`
    : `${judgement.kind} ${judgement.reason}`;
}

/** To open an account that is there does nothing; to pay into one that is not fails the transaction. */
function together(judgements: readonly RecipientJudgement[]): RecipientJudgement {
  const opening = judgements.find((it) => it.kind === 'payable' && it.way.opens);
  return opening ?? present(judgements[0], 'a quorum is at least one');
}
