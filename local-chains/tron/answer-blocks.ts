import { witnessSignatureOf, type Block } from './block.ts';
import { isDenied, knownBlock, tipOf } from './node-view.ts';
import {
  integerIn,
  showAddress,
  withoutDefaults,
  type JsonObject,
  type Question,
} from './question.ts';
import { printTransaction } from './transaction-json.ts';

export function answerNowBlock(question: Question): JsonObject {
  const { core, node, solidity } = question;
  return printBlock(question, tipOf(core, node, solidity));
}

/** `{id_or_num, detail}`: the head without the first; only the header unless `detail`. */
export function answerBlock(question: Question): JsonObject {
  const { core, node, body, solidity } = question;
  const wanted = body['id_or_num'];
  const block =
    wanted === undefined || wanted === ''
      ? tipOf(core, node, solidity)
      : blockNamed(question, wanted);
  if (block === undefined) return {};
  const { transactions, ...header } = printBlock(question, block);
  return body['detail'] === true || body['detail'] === 'true'
    ? { ...header, ...withoutDefaults({ transactions }) }
    : header;
}

export function answerBlockByNumber(question: Question): JsonObject {
  const { core, node, body, solidity } = question;
  const number = Number(integerIn(body, 'num'));
  const block = knownBlock(core, node, { number, solidity });
  return block === undefined ? {} : printBlock(question, block);
}

export function answerBlockById(question: Question): JsonObject {
  const block = blockNamed(question, question.body['value']);
  return block === undefined ? {} : printBlock(question, block);
}

/** `{num}`: the last so many, oldest last. */
export function answerLatestBlocks(question: Question): JsonObject {
  const { core, node, body, solidity } = question;
  const count = Number(integerIn(body, 'num'));
  const tip = tipOf(core, node, solidity).number;
  if (count <= 0 || count >= 100) return {};
  return printBlocks(
    question,
    Array.from({ length: count }, (_, index) => tip - index),
  );
}

/** `{startNum, endNum}`: from the first, less the last; at most 100. */
export function answerBlockRange(question: Question): JsonObject {
  const start = Number(integerIn(question.body, 'startNum'));
  const end = Number(integerIn(question.body, 'endNum'));
  if (start < 0 || end <= start || end - start > 100) return {};
  return printBlocks(
    question,
    Array.from({ length: end - start }, (_, index) => start + index),
  );
}

function printBlocks(question: Question, numbers: readonly number[]): JsonObject {
  const { core, node, solidity } = question;
  const block = numbers.flatMap((number) => {
    const known = knownBlock(core, node, { number, solidity });
    return known === undefined ? [] : [printBlock(question, known)];
  });
  return withoutDefaults({ block });
}

function blockNamed({ core, node, solidity }: Question, name: unknown): Block | undefined {
  const text = String(name);
  if (/^\d{1,15}$/.test(text)) return knownBlock(core, node, { number: Number(text), solidity });
  if (!/^[0-9a-f]{64}$/i.test(text)) return undefined;
  const number = Number.parseInt(text.slice(0, 16), 16);
  const block = knownBlock(core, node, { number, solidity });
  return block?.id === text.toLowerCase() ? block : undefined;
}

function printBlock({ node, visible, solidity }: Question, block: Block): JsonObject {
  const { header } = block;
  const entries = block.entries.filter(
    ({ transaction }) => !isDenied(node, { txid: transaction.txid, solidity }),
  );
  return {
    blockID: block.id,
    block_header: {
      raw_data: withoutDefaults({
        number: block.number,
        txTrieRoot: header.txTrieRoot,
        witness_address: showAddress(header.witness, visible),
        parentHash: header.parentId,
        accountStateRoot: header.accountStateRoot,
        version: 31,
        timestamp: block.timestampMs,
      }),
      witness_signature: witnessSignatureOf(block),
    },
    ...withoutDefaults({
      transactions: entries.map(({ transaction, execution }) =>
        printTransaction(transaction, { visible, contractRet: execution.result }),
      ),
    }),
  };
}
